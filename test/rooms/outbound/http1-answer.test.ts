import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { type AnswerState, createAnswerReader } from '../../../src/outbound/http1-answer.ts';

const CAP = 1_000;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

interface Read {
  state: AnswerState;
  status?: number;
  headers?: Record<string, string>;
  body?: string;
  idleMs?: number;
}

/** Reads an answer that comes in pieces of `size` bytes; `closed`: the connection is closed behind it. */
function read(text: string, { size = 1_000_000, closed = false, cap = CAP } = {}): Read {
  const reader = createAnswerReader();
  // What an earlier answer left behind must not show in the next.
  reader.begin(9);
  reader.push(Buffer.from('HTTP/1.0 500 X\r\nx-before: 1\r\ncontent-length: 3\r\n\r\nabcd'));
  reader.begin(cap);
  const bytes = Buffer.from(text, 'latin1');
  let state: AnswerState = 'more';
  for (let at = 0; at < bytes.length && state === 'more'; at += size) {
    // A copy of its own, which is overwritten: nothing may be kept by reference.
    const piece = Buffer.from(bytes.subarray(at, at + size));
    state = reader.push(piece);
    piece.fill('!');
  }
  if (state === 'more' && closed) state = reader.end();
  if (state !== 'whole') return { state };
  const idleMs = reader.idleMs();
  const { status, headers, body } = reader.answer();
  return { state, status, headers, body: body.toString('latin1'), idleMs };
}

/** However the bytes are cut into reads, they mean the same. */
function readInAllWays(text: string, options: { closed?: boolean; cap?: number } = {}): Read {
  const whole = read(text, options);
  for (const size of [1, 2, 3, 7, 16]) expect(read(text, { ...options, size })).toEqual(whole);
  return whole;
}

const ok = (lines: string, body = '') => `HTTP/1.1 200 OK\r\n${lines}\r\n${body}`;

describe('an answer', () => {
  it.each([
    ['with a length', ok('Content-Length: 5\r\n', 'hello'), 'hello'],
    ['with an empty body', ok('Content-Length: 0\r\n'), ''],
    ['in chunks', ok('Transfer-Encoding: chunked\r\n', '3\r\nabc\r\n02\r\nde\r\n0\r\n\r\n'), 'abcde'],
    [
      'in chunks with extensions and trailers',
      ok('transfer-encoding: Chunked\r\n', '3;a=b\r\nabc\r\nA ; x="y"\r\n0123456789\r\n0\r\nx-t: 1\r\n\r\n'),
      'abc0123456789',
    ],
    ['without a reason', 'HTTP/1.1 200\r\ncontent-length: 1\r\n\r\nx', 'x'],
    [
      'after interim ones',
      `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nlink: x\r\n\r\n${ok('content-length: 1\r\n', 'x')}`,
      'x',
    ],
    ['with blanks round a value', ok('content-length: \t 2 \t\r\n', 'ab'), 'ab'],
  ])('%s is read the same however it is cut', (_name, text, body) => {
    expect(readInAllWays(text)).toMatchObject({ state: 'whole', status: 200, body, idleMs: 4_000 });
  });

  it.each([204, 304])('with status %i has no body, whatever it says', (status) => {
    const text = `HTTP/1.1 ${status} X\r\ncontent-length: 5\r\n\r\n`;
    expect(readInAllWays(text)).toMatchObject({ state: 'whole', status, body: '' });
  });

  it('without a length ends with its connection, which is not used again', () => {
    for (const version of ['HTTP/1.0', 'HTTP/1.1']) {
      const text = `${version} 200 OK\r\n\r\nall of it`;
      expect(readInAllWays(text)).toEqual({ state: 'more' });
      expect(readInAllWays(text, { closed: true })).toMatchObject({ body: 'all of it', idleMs: 0 });
    }
  });

  it('has lower-case names, and values of a repeated name joined', () => {
    const text = ok('X-Kind: a\r\nx-kind: b\r\n__proto__: x\r\nContent-Length: 0\r\n');
    expect(readInAllWays(text).headers).toEqual({ 'x-kind': 'a, b', 'content-length': '0' });
    expect(({} as Record<string, unknown>).x).toBeUndefined();
  });

  it('may have names that every object has', () => {
    const text = ok(
      'constructor: a\r\nToString: b\r\ntostring: c\r\nhasOwnProperty: d\r\ncontent-length: 0\r\n',
    );
    expect(Object.entries(readInAllWays(text).headers ?? {})).toEqual([
      ['constructor', 'a'],
      ['tostring', 'b, c'],
      ['hasownproperty', 'd'],
      ['content-length', '0'],
    ]);
  });

  it('is let go once it is handed over, while the connection waits for the next call', async () => {
    const reader = createAnswerReader();
    reader.begin(CAP);
    reader.push(Buffer.from(ok('x-secret: s\r\ncontent-length: 4\r\n', 'data')));
    const handOver = () => {
      const { body, headers } = reader.answer();
      return [new WeakRef(body), new WeakRef(headers)];
    };
    const left = handOver();
    // What a WeakRef was made of stays until the turn ends.
    await nextTurn();
    collectGarbage();
    expect(left.map((ref) => ref.deref())).toEqual([undefined, undefined]);
    expect(reader.begun()).toBe(false);
  });

  it.each([
    ['close', 'Connection: Close\r\n', 0],
    ['close among others', 'connection: x, close\r\n', 0],
    ['a short time', 'keep-alive: timeout=2\r\n', 0],
    ['a time', 'keep-alive: max=9, timeout=30\r\n', 28_000],
    ['an age', 'keep-alive: timeout=999999999\r\n', 600_000],
    ['nothing', '', 4_000],
  ])('that says %s of its connection is believed', (_name, line, idleMs) => {
    expect(readInAllWays(ok(`${line}content-length: 0\r\n`)).idleMs).toBe(idleMs);
  });

  it('of HTTP/1.0 keeps its connection only when it says so', () => {
    expect(read('HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n').idleMs).toBe(0);
    const kept = 'HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 0\r\n\r\n';
    expect(read(kept).idleMs).toBe(4_000);
  });
});

describe('bytes that two readers could take for different answers', () => {
  it.each([
    ['two lengths that differ', ok('content-length: 5\r\ncontent-length: 6\r\n', 'hello!')],
    ['two lengths that are the same', ok('content-length: 5\r\nContent-Length: 5\r\n', 'hello')],
    ['a list of lengths', ok('content-length: 5, 5\r\n', 'hello')],
    ['a negative length', ok('content-length: -5\r\n', 'hello')],
    ['a signed length', ok('content-length: +5\r\n', 'hello')],
    ['a hexadecimal length', ok('content-length: 0x5\r\n', 'hello')],
    ['a broken length', ok('content-length: 5.0\r\n', 'hello')],
    ['an empty length', ok('content-length:\r\n', 'hello')],
    ['a length beyond numbers', ok('content-length: 99999999999999999999\r\n', 'hello')],
    ['a length beside chunks', ok('content-length: 5\r\ntransfer-encoding: chunked\r\n', '0\r\n\r\n')],
    ['two transfer codings', ok('transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n', '0\r\n\r\n')],
    ['a list of transfer codings', ok('transfer-encoding: gzip, chunked\r\n', '0\r\n\r\n')],
    ['an unknown transfer coding', ok('transfer-encoding: xchunked\r\n', '0\r\n\r\n')],
    ['a folded line', ok('x-a: 1\r\n content-length: 5\r\ncontent-length: 0\r\n')],
    ['a space before the colon', ok('content-length : 5\r\n', 'hello')],
    ['a name with a space in it', ok('content length: 5\r\n', 'hello')],
    ['a line without a colon', ok('content-length\r\n')],
    ['an empty name', ok(': 5\r\n')],
    ['a bare line feed in the head', 'HTTP/1.1 200 OK\ncontent-length: 0\r\n\r\n'],
    ['a head of bare line feeds', 'HTTP/1.1 200 OK\ncontent-length: 0\n\n'],
    ['a bare carriage return', ok('x-a: 1\rcontent-length: 5\r\ncontent-length: 0\r\n')],
    ['a zero byte', ok('x-a: \0\r\ncontent-length: 0\r\n')],
    ['another protocol', 'SSH-2.0-OpenSSH_9.6\r\n'],
    ['another version', 'HTTP/2.0 200 OK\r\ncontent-length: 0\r\n\r\n'],
    ['a status of two digits', 'HTTP/1.1 20 OK\r\ncontent-length: 0\r\n\r\n'],
    ['a status of four digits', 'HTTP/1.1 2000 OK\r\ncontent-length: 0\r\n\r\n'],
    ['blank space before the status line', ' HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'],
    ['a switch of protocols', 'HTTP/1.1 101 Switching\r\nupgrade: x\r\n\r\n'],
    ['a content coding that nobody asked for', ok('content-encoding: gzip\r\ncontent-length: 1\r\n', 'x')],
    ['a chunk size that is none', ok('transfer-encoding: chunked\r\n', 'g\r\nabc\r\n')],
    ['a negative chunk size', ok('transfer-encoding: chunked\r\n', '-3\r\nabc\r\n')],
    ['a chunk size with a prefix', ok('transfer-encoding: chunked\r\n', '0x3\r\nabc\r\n')],
    ['an empty chunk size', ok('transfer-encoding: chunked\r\n', '\r\nabc\r\n')],
    ['a chunk size beyond numbers', ok('transfer-encoding: chunked\r\n', 'fffffffff\r\nabc')],
    ['a chunk longer than its size', ok('transfer-encoding: chunked\r\n', '3\r\nabcd\r\n0\r\n\r\n')],
    ['a chunk line with a bare line feed', ok('transfer-encoding: chunked\r\n', '3\nabc\r\n0\r\n\r\n')],
    [
      'a line feed hidden in an extension',
      ok('transfer-encoding: chunked\r\n', '3;a\nb\r\nabc\r\n0\r\n\r\n'),
    ],
    ['a trailer that is no header', ok('transfer-encoding: chunked\r\n', '0\r\nno header\r\n\r\n')],
    ['a folded trailer', ok('transfer-encoding: chunked\r\n', '0\r\nx: 1\r\n y\r\n\r\n')],
  ])('%s: refused', (_name, text) => {
    expect(readInAllWays(text)).toEqual({ state: 'protocol' });
  });

  it.each([
    ['within its head', 'HTTP/1.1 200 OK\r\ncontent-le'],
    ['within its body', ok('content-length: 5\r\n', 'hell')],
    ['between chunks', ok('transfer-encoding: chunked\r\n', '3\r\nabc\r\n')],
    ['before the end of its trailers', ok('transfer-encoding: chunked\r\n', '0\r\n')],
  ])('an answer cut off %s is none', (_name, text) => {
    expect(readInAllWays(text, { closed: true })).toEqual({ state: 'protocol' });
  });

  it('bytes after the end leave the answer as it is, and its connection unused', () => {
    const text = `${ok('content-length: 2\r\n', 'ab')}HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged`;
    expect(read(text)).toMatchObject({ state: 'whole', body: 'ab', idleMs: 0 });
    const chunked = ok('transfer-encoding: chunked\r\n', '2\r\nab\r\n0\r\n\r\nx');
    expect(read(chunked)).toMatchObject({ state: 'whole', body: 'ab', idleMs: 0 });
    expect(read('HTTP/1.1 204 X\r\n\r\nx')).toMatchObject({ state: 'whole', body: '', idleMs: 0 });
  });
});

describe('the bounds of an answer', () => {
  it('the cap holds to the byte, whether the length is stated, in chunks, or told by the end', () => {
    const framed: ((bytes: number) => string)[] = [
      (bytes) => ok(`content-length: ${bytes}\r\n`, 'x'.repeat(bytes)),
      (bytes) =>
        ok('transfer-encoding: chunked\r\n', `${bytes.toString(16)}\r\n${'x'.repeat(bytes)}\r\n0\r\n\r\n`),
      (bytes) => ok('transfer-encoding: chunked\r\n', `${'1\r\nx\r\n'.repeat(bytes)}0\r\n\r\n`),
      (bytes) => ok('', 'x'.repeat(bytes)),
    ];
    for (const text of framed) {
      expect(readInAllWays(text(CAP), { closed: true })).toMatchObject({ body: 'x'.repeat(CAP) });
      expect(readInAllWays(text(CAP + 1), { closed: true })).toEqual({ state: 'too_large' });
    }
  });

  it('a stated length beyond the cap is refused before a byte of the body', () => {
    expect(readInAllWays(ok(`content-length: ${CAP + 1}\r\n`))).toEqual({ state: 'too_large' });
  });

  it('a head has 16 KiB, in one answer or in interim ones, in extensions of chunks or in trailers', () => {
    const long = 'x'.repeat(9_000);
    expect(read(ok(`a: ${long}\r\ncontent-length: 0\r\n`)).state).toBe('whole');
    const tooMuch = [
      ok(`a: ${long}\r\nb: ${long}\r\ncontent-length: 0\r\n`),
      `a: ${'x'.repeat(20_000)}`.padStart(20_020, 'HTTP/1.1 200 OK\r\n'),
      `HTTP/1.1 100 X\r\na: ${long}\r\n\r\n`.repeat(2) + ok('content-length: 0\r\n'),
      'HTTP/1.1 100 X\r\n\r\n'.repeat(1_000) + ok('content-length: 0\r\n'),
      ok('transfer-encoding: chunked\r\n', `1;${'e'.repeat(200)}\r\nx\r\n`.repeat(100)),
      ok('transfer-encoding: chunked\r\n', `1;${'e'.repeat(300)}\r\nx\r\n0\r\n\r\n`),
      ok('transfer-encoding: chunked\r\n', `0\r\na: ${long}\r\nb: ${long}\r\n\r\n`),
    ];
    for (const text of tooMuch) {
      expect(read(text)).toEqual({ state: 'protocol' });
      expect(read(text, { size: 100 })).toEqual({ state: 'protocol' });
    }
  });
});
