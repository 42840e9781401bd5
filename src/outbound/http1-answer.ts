import type { OutboundResponse } from './outbound-types.ts';

/** Bytes of all the lines before the body, those of interim answers and trailers included. */
const MAX_HEAD_BYTES = 16_384;
/** Line of a chunk's size with its extensions, which are passed over. */
const MAX_CHUNK_LINE_BYTES = 256;

/** What an answer came to. `more`: it is not whole yet; a failure is final, and so is the connection's end with it. */
export type AnswerState = 'more' | 'whole' | 'too_large' | 'protocol';

export interface AnswerReader {
  /** Begins with the next answer, of at most so many bytes. */
  begin(maxBytes: number): void;
  /** Takes the next bytes, which may be overwritten afterwards. */
  push(bytes: Buffer): AnswerState;
  /** The connection was closed in order. */
  end(): AnswerState;
  /** Whether the final answer has begun: its status is known. */
  begun(): boolean;
  /** Hands the whole answer over, once: an idle connection holds nothing of it. */
  answer(): OutboundResponse;
  /**
   * Milliseconds for which the connection may wait for another call; 0 when it may not be used again. To be asked before
   * the answer is handed over.
   */
  idleMs(): number;
}

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/;
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Anything that is no text of a head, and line ends of one byte, which readers disagree about (RFC 9112 section 2.2). */
const NO_HEAD = /[\p{Cc}--[\t\r\n\x80-\x9f]]|\r(?!\n)|(?<!\r)\n/v;
const LENGTH = /^\d{1,15}$/;
const CHUNK_SIZE = /^([0-9a-fA-F]{1,8})[\t ]*(?:;[\t\x20-\x7e\x80-\xff]*)?$/;
const HEAD_END = Buffer.from('\r\n\r\n');
const LINE_END = Buffer.from('\r\n');
const BEGINNING = 'HTTP/1.';
const EMPTY = Buffer.alloc(0);

/** As a client keeps an idle connection when the server says nothing, and how much sooner than the server when it does. */
const DEFAULT_IDLE_MS = 4_000;
const SOONER_MS = 2_000;
const MAX_IDLE_MS = 600_000;

/** Names that answers have had, as they were written, in lower case; bounded, because servers choose them. */
const knownNames = new Map<string, string>();
const MAX_KNOWN_NAMES = 500;

function lowerName(written: string): string | undefined {
  const known = knownNames.get(written);
  if (known !== undefined) return known;
  if (!TOKEN.test(written)) return undefined;
  const name = written.toLowerCase();
  if (knownNames.size < MAX_KNOWN_NAMES) knownNames.set(written, name);
  return name;
}

interface Head {
  status: number;
  minorVersion: number;
  headers: Record<string, string>;
}

/** Without the names that every object has: a header may be called `constructor`. */
const noHeaders = (): Record<string, string> => Object.create(null) as Record<string, string>;

const isBlank = (code: number): boolean => code === 0x20 || code === 0x09;

/** Adds one line; `false` for one that is no header field, or a length that stands twice. */
function readLine(headers: Record<string, string>, line: string): boolean {
  const colon = line.indexOf(':');
  const name = colon < 0 ? undefined : lowerName(line.slice(0, colon));
  if (name === undefined) return false;
  let from = colon + 1;
  let to = line.length;
  while (from < to && isBlank(line.charCodeAt(from))) from++;
  while (to > from && isBlank(line.charCodeAt(to - 1))) to--;
  const value = line.slice(from, to);
  if (name === '__proto__') return true;
  const before = headers[name];
  if (before === undefined) headers[name] = value;
  else if (name === 'content-length' || name === 'transfer-encoding') return false;
  else headers[name] = `${before}, ${value}`;
  return true;
}

/** Reads the lines of a head, without the empty one at its end; `undefined` for anything that is not to the letter. */
function readHead(text: string): Head | undefined {
  if (NO_HEAD.test(text)) return undefined;
  let at = text.indexOf('\r\n');
  if (!STATUS_LINE.test(at < 0 ? text : text.slice(0, at))) return undefined;
  const minorVersion = text.charCodeAt(7) - 0x30;
  const status = Number(text.slice(9, 12));
  const headers = noHeaders();
  while (at >= 0) {
    const end = text.indexOf('\r\n', at + 2);
    if (!readLine(headers, text.slice(at + 2, end < 0 ? text.length : end))) return undefined;
    at = end;
  }
  return { status, minorVersion, headers };
}

/** How long the connection may be idle, by what the answer says of it. */
function idleMsOf({ minorVersion, headers }: Head): number {
  const { connection, 'keep-alive': keepAlive } = headers;
  const options = connection === undefined ? '' : connection.toLowerCase();
  if (options.includes('close') || (minorVersion === 0 && !options.includes('keep-alive'))) return 0;
  const seconds = keepAlive === undefined ? undefined : /(?:^|[,\s])timeout=(\d{1,9})/i.exec(keepAlive)?.[1];
  if (seconds === undefined) return DEFAULT_IDLE_MS;
  return Math.max(0, Math.min(Number(seconds) * 1_000 - SOONER_MS, MAX_IDLE_MS));
}

type Part = 'head' | 'sized' | 'chunk_line' | 'chunk' | 'chunk_end' | 'trailers' | 'to_end' | 'whole';

/** Where the body of an answer ends (RFC 9112 section 6.3); `undefined` where that is a matter of opinion. */
function framing({ status, headers }: Head): { part: Part; bytes: number } | undefined {
  const { 'transfer-encoding': coding, 'content-length': length } = headers;
  if (coding !== undefined && (length !== undefined || coding.toLowerCase() !== 'chunked')) return undefined;
  if (length !== undefined && !LENGTH.test(length)) return undefined;
  if (status === 204 || status === 304) return { part: 'whole', bytes: 0 };
  if (coding !== undefined) return { part: 'chunk_line', bytes: 0 };
  if (length === undefined) return { part: 'to_end', bytes: 0 };
  return length === '0' ? { part: 'whole', bytes: 0 } : { part: 'sized', bytes: Number(length) };
}

/**
 * Reads the answers of one connection of HTTP/1.1 (RFC 9112), strictly: a length that stands twice or beside a transfer
 * coding, a folded line, a bare line feed, a space before a colon or a control character is no answer. The cap
 * holds while reading, whatever the answer says of its own length; a content coding is not taken, because none was asked for.
 */
export function createAnswerReader(): AnswerReader {
  let maxBytes = 0;
  let part: Part = 'head';
  let headBytes = 0;
  let held: Buffer = EMPTY;
  let head: Head | undefined;
  let body: Buffer = EMPTY;
  let sizeBytes = 0;
  /** Bytes of a sized body, or of a chunk, that are still to come. */
  let leftBytes = 0;
  let isOverfull = false;
  let ended = false;

  const keep = (bytes: Buffer): boolean => {
    const needed = sizeBytes + bytes.length;
    if (needed > maxBytes) return false;
    if (needed > body.length) {
      const stated = part === 'sized' ? leftBytes + sizeBytes : 0;
      const room = Buffer.allocUnsafe(Math.min(maxBytes, Math.max(needed, stated, 2 * body.length)));
      body.copy(room, 0, 0, sizeBytes);
      body = room;
    }
    bytes.copy(body, sizeBytes);
    sizeBytes = needed;
    return true;
  };

  /** The bytes up to the end of what `mark` closes, put together from as many reads as it took. */
  const upTo = (
    mark: Buffer,
    bytes: Buffer,
    maxTaken: number,
  ): { taken: Buffer; rest: Buffer } | undefined | false => {
    const all = held.length === 0 ? bytes : Buffer.concat([held, bytes]);
    const end = all.indexOf(mark);
    if (end < 0) {
      if (all.length > maxTaken + mark.length - 1) return false;
      held = Buffer.from(all);
      return undefined;
    }
    held = EMPTY;
    return end > maxTaken ? false : { taken: all.subarray(0, end), rest: all.subarray(end + mark.length) };
  };

  /** Whether what has come of a head so far can still become one; of earlier bytes that is known. */
  const mayBeHead = (newBytes: number): boolean => {
    const from = Math.max(0, held.length - newBytes - 1);
    const start = held.toString('latin1', 0, BEGINNING.length);
    const text = held.toString('latin1', from).replace(/\r$/, '');
    return BEGINNING.startsWith(start) && !NO_HEAD.test(from > 0 ? text.replace(/^\n/, '') : text);
  };

  const takeHead = (bytes: Buffer): { rest: Buffer } | AnswerState => {
    const found = upTo(HEAD_END, bytes, MAX_HEAD_BYTES - headBytes);
    if (found === undefined) return mayBeHead(bytes.length) ? 'more' : 'protocol';
    if (found === false) return 'protocol';
    headBytes += found.taken.length + HEAD_END.length;
    const read = readHead(found.taken.toString('latin1'));
    if (!read || read.status === 101) return 'protocol';
    if (read.status < 200) return headBytes > MAX_HEAD_BYTES ? 'protocol' : found;
    const frame = framing(read);
    const coding = read.headers['content-encoding'];
    if (!frame || (coding !== undefined && coding.toLowerCase() !== 'identity')) return 'protocol';
    head = read;
    if (frame.bytes > maxBytes) return 'too_large';
    part = frame.part;
    leftBytes = frame.bytes;
    return found;
  };

  const takeBytes = (bytes: Buffer, next: Part): { rest: Buffer } | AnswerState => {
    const taken = bytes.length > leftBytes ? bytes.subarray(0, leftBytes) : bytes;
    if (!keep(taken)) return 'too_large';
    leftBytes -= taken.length;
    if (leftBytes === 0) part = next;
    return { rest: bytes.subarray(taken.length) };
  };

  const takeLine = (
    bytes: Buffer,
    maxBytesHeld: number,
    use: (line: string) => boolean,
  ): { rest: Buffer } | AnswerState => {
    const found = upTo(LINE_END, bytes, maxBytesHeld);
    if (found === undefined) return held.includes(0x0a) ? 'protocol' : 'more';
    if (found === false || !use(found.taken.toString('latin1'))) return 'protocol';
    return found;
  };

  const startChunk = (line: string): boolean => {
    const size = CHUNK_SIZE.exec(line)?.[1];
    if (size === undefined) return false;
    headBytes += line.length - size.length;
    if (headBytes > MAX_HEAD_BYTES) return false;
    leftBytes = Number.parseInt(size, 16);
    part = leftBytes === 0 ? 'trailers' : 'chunk';
    return true;
  };
  const endChunk = (line: string): boolean => {
    part = 'chunk_line';
    return line === '';
  };
  /** Trailers are passed over. */
  const trailer = (line: string): boolean => {
    headBytes += line.length + 2;
    if (line === '') part = 'whole';
    return line === '' || (!NO_HEAD.test(line) && readLine(noHeaders(), line));
  };

  const step = (bytes: Buffer): { rest: Buffer } | AnswerState => {
    switch (part) {
      case 'head':
        return takeHead(bytes);
      case 'sized':
        return takeBytes(bytes, 'whole');
      case 'chunk':
        return takeBytes(bytes, 'chunk_end');
      case 'chunk_line':
        return takeLine(bytes, MAX_CHUNK_LINE_BYTES, startChunk);
      case 'chunk_end':
        return takeLine(bytes, 0, endChunk);
      case 'trailers':
        return takeLine(bytes, MAX_HEAD_BYTES - headBytes, trailer);
      case 'to_end':
        return keep(bytes) ? 'more' : 'too_large';
      case 'whole':
        isOverfull = true;
        return 'whole';
    }
  };

  return {
    begin(most) {
      maxBytes = most;
      part = 'head';
      headBytes = 0;
      held = EMPTY;
      head = undefined;
      body = EMPTY;
      sizeBytes = 0;
      leftBytes = 0;
      isOverfull = false;
      ended = false;
    },
    push(bytes) {
      let rest = bytes;
      while (rest.length > 0) {
        const next = step(rest);
        if (typeof next === 'string') return next;
        rest = next.rest;
      }
      return part === 'whole' ? 'whole' : 'more';
    },
    end() {
      ended = true;
      return part === 'whole' || part === 'to_end' ? 'whole' : 'protocol';
    },
    begun: () => head !== undefined,
    answer() {
      const { status, headers } = head as Head;
      const whole = sizeBytes === body.length ? body : body.subarray(0, sizeBytes);
      head = undefined;
      body = EMPTY;
      return { status, headers, body: whole };
    },
    idleMs: () => (head === undefined || ended || isOverfull || part !== 'whole' ? 0 : idleMsOf(head)),
  };
}
