/**
 * The head of an answer as text. Node checks and joins headers one by one, for every answer anew; nearly all of ours
 * are the same each time. Where an answer is an ordinary one its head is put together here and given to Node whole;
 * Node writes, frames and ends the message as ever. Where anything is unusual Node gets the headers.
 */
import type { ServerResponse } from 'node:http';

const http = process.getBuiltinModule('node:http');

export type AnswerHeaders = Record<string, string | number | string[]>;

/** Headers of every answer of a listener, decided once at start. */
export interface ConstantHeaders {
  /** Name and value of each. */
  named: Readonly<Record<string, string>>;
  /** The same and the media type as they go over the wire, each line with its end. */
  lines: string;
}

/** What of a request's context stands in its head. */
export interface HeadFacts {
  headers: ConstantHeaders;
  requestId: string;
  limitHeaders: Readonly<Record<string, string>> | undefined;
}

/** What cannot stand in the value of a header, as Node decides it (RFC 9110 section 5.5). */
const UNSAFE_VALUE = /[^\t\x20-\x7e\x80-\xff]/;
/** Names are written in lower case, so that no name stands twice for its spelling. */
const NAME = /^[a-z\d-]+$/;
const JSON_TYPE = 'application/json; charset=utf-8';

/** Those of a listener and what every answer carries. Throws a `TypeError` for what cannot stand in a head. */
export function constantHeaders(given: Readonly<Record<string, string>>): ConstantHeaders {
  const named = { 'cache-control': 'no-store', ...given };
  let lines = `content-type: ${JSON_TYPE}\r\n`;
  for (const [name, value] of Object.entries(named)) {
    if (!NAME.test(name) || UNSAFE_VALUE.test(value))
      throw new TypeError(`The header ${name} cannot stand in every answer.`);
    lines += `${name}: ${value}\r\n`;
  }
  return { named, lines };
}

/** Names that decide how a message is read, or that Node adds: an answer that brings one is left to Node. */
const LEFT_TO_NODE = new Set([
  'connection',
  'content-length',
  'content-type',
  'date',
  'expect',
  'keep-alive',
  'trailer',
  'transfer-encoding',
  'x-request-id',
]);

/** Members of Node's responses that have no public name: what it has of the head, and what it adds to it. */
interface HeadOfNode {
  _header: string | null;
  _headerSent: boolean;
  _expect_continue: boolean;
  _keepAliveTimeout: number;
  _defaultKeepAlive: boolean;
  _removedConnection: boolean;
  _maxRequestsPerSocket?: number;
}

const writeHeadOfNode = http.ServerResponse.prototype.writeHead;

const statusLines = new Map<number, string>();

function statusLine(status: number): string {
  let line = statusLines.get(status);
  if (line === undefined) {
    line = `HTTP/1.1 ${status} ${http.STATUS_CODES[status] ?? 'unknown'}\r\n`;
    statusLines.set(status, line);
  }
  return line;
}

let dateSecond = Number.NaN;
let dateLine = '';

/** The time of answers, by the clock that Node would use for it; its text is made once a second. */
function date(): string {
  const second = Math.floor(Date.now() / 1_000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateLine = `Date: ${new Date(second * 1_000).toUTCString()}\r\n`;
  }
  return dateLine;
}

/** The line of one header; `undefined` when it outweighs a constant one, or is one that Node has to look at. */
function lineOf(
  { named }: ConstantHeaders,
  name: string,
  value: string | number | readonly string[],
): string | undefined {
  if (Object.hasOwn(named, name) || LEFT_TO_NODE.has(name) || !NAME.test(name)) return undefined;
  if (typeof value === 'number') return `${name}: ${value}\r\n`;
  if (typeof value === 'string') return UNSAFE_VALUE.test(value) ? undefined : `${name}: ${value}\r\n`;
  if (value.some((one) => UNSAFE_VALUE.test(one))) return undefined;
  return value.map((one) => `${name}: ${one}\r\n`).join('');
}

/** Lines of what was set on the response before, and of what this answer brings; `undefined` for what Node must do. */
function ownLines(
  res: ServerResponse,
  { headers: constant, limitHeaders }: HeadFacts,
  extra: AnswerHeaders | undefined,
): string | undefined {
  let lines = '';
  for (const name of res.getHeaderNames()) {
    if (extra !== undefined && Object.hasOwn(extra, name)) return undefined;
    if (limitHeaders !== undefined && Object.hasOwn(limitHeaders, name)) return undefined;
    const line = lineOf(constant, name, res.getHeader(name) as string);
    if (line === undefined) return undefined;
    lines += line;
  }
  // Ours: nothing in them needs a check.
  for (const name in limitHeaders) {
    if (extra === undefined || !Object.hasOwn(extra, name))
      lines += `${name}: ${limitHeaders[name] as string}\r\n`;
  }
  for (const name in extra) {
    const line = lineOf(constant, name, extra[name] as string);
    if (line === undefined) return undefined;
    lines += line;
  }
  return lines;
}

export interface AnswerHead {
  status: number;
  /** Length of the body. */
  bytes: number;
  /** Outweigh all others. */
  extra?: AnswerHeaders | undefined;
}

/** The head as Node would write it; `undefined` where the answer is not an ordinary one. */
function ordinaryHead(res: ServerResponse, facts: HeadFacts, { status, bytes, extra }: AnswerHead) {
  const own = res as unknown as HeadOfNode;
  const isOrdinary =
    res.shouldKeepAlive &&
    own._defaultKeepAlive &&
    !own._removedConnection &&
    !own._expect_continue &&
    !own._maxRequestsPerSocket &&
    status >= 200 &&
    status !== 204 &&
    status !== 304 &&
    // Somebody who waits for the head to be written, as the session's middleware does.
    res.writeHead === writeHeadOfNode;
  if (!isOrdinary) return undefined;
  const lines = ownLines(res, facts, extra);
  if (lines === undefined) return undefined;
  const timeoutMs = own._keepAliveTimeout;
  const keepAlive = timeoutMs > 0 ? `Keep-Alive: timeout=${Math.floor(timeoutMs / 1_000)}\r\n` : '';
  return `${statusLine(status)}${facts.headers.lines}x-request-id: ${facts.requestId}\r\ncontent-length: ${bytes}\r\n${lines}${date()}Connection: keep-alive\r\n${keepAlive}\r\n`;
}

/** Gives Node the headers of an answer. */
function writeByNode(res: ServerResponse, facts: HeadFacts, { status, bytes, extra }: AnswerHead): void {
  res.writeHead(status, {
    ...facts.headers.named,
    'content-type': JSON_TYPE,
    'x-request-id': facts.requestId,
    'content-length': bytes,
    ...facts.limitHeaders,
    ...extra,
  });
}

/** A head of each kind of line, written by Node and by us. */
function bothHeads(): { theirs: string; ours: string } {
  const facts: HeadFacts = {
    headers: constantHeaders({ 'x-frame-options': 'DENY' }),
    requestId: 'r',
    limitHeaders: { ratelimit: '"a";r=1;t=1' },
  };
  const extra = { 'retry-after': 1, 'set-cookie': ['a=b', 'c=d'] };
  const head: AnswerHead = { status: 429, bytes: 12, extra };
  const answer = () => {
    const request = { method: 'GET', httpVersionMajor: 1, httpVersionMinor: 1, headers: {} };
    const res = new http.ServerResponse(request as never);
    (res as unknown as HeadOfNode)._keepAliveTimeout = 61_000;
    return res;
  };
  const theirs = answer();
  writeByNode(theirs, facts, head);
  return {
    theirs: String((theirs as unknown as HeadOfNode)._header),
    ours: String(ordinaryHead(answer(), facts, head)),
  };
}

/** Whether both are the same but for their times and the order of their lines. */
function isAsNodeWrites(): boolean {
  const sorted = (text: string) =>
    text
      .split('\r\n')
      .filter((line) => !line.startsWith('Date: '))
      .sort()
      .join('\n');
  try {
    const { theirs, ours } = bothHeads();
    return sorted(theirs) === sorted(ours);
  } catch {
    return false;
  }
}

/** Whether this Node writes heads as the one that this was made for: members without a public name may change. */
let isKnownNode: boolean | undefined;

/** Writes the head of a JSON answer: one that is not yet sent, with a body of `bytes`. */
export function writeJsonHead(res: ServerResponse, facts: HeadFacts, head: AnswerHead): void {
  isKnownNode ??= isAsNodeWrites();
  const text = isKnownNode ? ordinaryHead(res, facts, head) : undefined;
  if (text === undefined) return writeByNode(res, facts, head);
  const own = res as unknown as HeadOfNode;
  res.statusCode = head.status;
  own._header = text;
  own._headerSent = false;
}
