import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type AnswerHeaders,
  constantHeaders,
  type HeadFacts,
  writeJsonHead,
} from '../../src/http/answer-head.ts';

const BODY = '{"name":"Zoë"}';
const facts: HeadFacts = {
  headers: constantHeaders({ 'x-frame-options': 'DENY', 'content-security-policy': "default-src 'none'" }),
  requestId: '0123456789abcdef01234567',
  limitHeaders: { 'ratelimit-policy': '"key-60";q=8;w=60', ratelimit: '"key-60";r=7;t=60' },
};

interface Case {
  status: number;
  extra?: AnswerHeaders;
  before?(res: ServerResponse): void;
}

const ACAO = 'https://shop.example';
const CASES: Record<string, Case> = {
  plain: { status: 200 },
  refusal: { status: 429, extra: { 'retry-after': 7, 'www-authenticate': 'Bearer realm="symbolon"' } },
  'unknown status': { status: 299 },
  'several cookies': { status: 200, extra: { 'set-cookie': ['a=1; Path=/', 'b=2'] } },
  'a constant header outweighed': { status: 200, extra: { 'cache-control': 'public, max-age=60' } },
  'a limit header outweighed': { status: 200, extra: { ratelimit: '"key-60";r=0;t=1' } },
  'a media type of its own': { status: 200, extra: { 'content-type': 'application/jwk-set+json' } },
  'headers set before': {
    status: 200,
    before: (res) => {
      res.setHeader('Vary', 'Origin');
      res.setHeader('Access-Control-Allow-Origin', ACAO);
      res.setHeader('Set-Cookie', ['a=1', 'b=2']);
    },
  },
  'a header set before and outweighed': {
    status: 200,
    extra: { vary: 'Origin, Cookie' },
    before: (res) => res.setHeader('Vary', 'Origin'),
  },
  'a request id of its own': { status: 200, extra: { 'x-request-id': 'own' } },
  'a limit header set before': { status: 200, before: (res) => res.setHeader('RateLimit', '"a";r=1;t=1') },
  'a constant header set before': {
    status: 200,
    before: (res) => res.setHeader('X-Frame-Options', 'SAMEORIGIN'),
  },
  'a connection that is to close': {
    status: 200,
    before: (res) => {
      res.shouldKeepAlive = false;
    },
  },
};

let ours: Server;
let nodes: Server;

/** Answers the case that the path names, its head written by `write`. */
const answering =
  (write: (res: ServerResponse, bytes: number, one: Case) => void) =>
  (req: IncomingMessage, res: ServerResponse) => {
    const one = CASES[decodeURIComponent((req.url ?? '').slice(1))] as Case;
    one.before?.(res);
    write(res, Buffer.byteLength(BODY), one);
    res.end(BODY);
  };

beforeAll(async () => {
  ours = createServer(
    answering((res, bytes, { status, extra }) => writeJsonHead(res, facts, { status, bytes, extra })),
  );
  nodes = createServer(
    answering((res, bytes, { status, extra }) =>
      res.writeHead(status, {
        ...facts.headers.named,
        'content-type': 'application/json; charset=utf-8',
        'x-request-id': facts.requestId,
        'content-length': bytes,
        ...facts.limitHeaders,
        ...extra,
      }),
    ),
  );
  for (const server of [ours, nodes]) {
    server.keepAliveTimeout = 61_000;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  }
});
afterAll(() => {
  for (const server of [ours, nodes]) server.close();
});

/** Everything that a server sends for these bytes until it, or we after the last expected answer, end the connection. */
function exchange(server: Server, bytes: string, answers: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1', () => socket.write(bytes));
    let text = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      text += chunk;
      if (
        text.split('HTTP/1.1 ').length > answers &&
        text.endsWith(bytes.startsWith('HEAD') ? '\r\n\r\n' : BODY)
      )
        socket.end();
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(text));
  });
}

const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';

/** An answer as it is compared: its first line, its header lines in any order and case, its body. */
function compared(text: string) {
  const [head = '', body] = text.replace(CONTINUE, '').split('\r\n\r\n');
  const [first, ...lines] = head.split('\r\n');
  const headers = lines.map((line) => {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    return name === 'date' ? 'date' : name + line.slice(colon);
  });
  return { first, headers: headers.sort(), body };
}

const request = (name: string, method = 'GET', version = '1.1', more = '') =>
  `${method} /${encodeURIComponent(name)} HTTP/${version}\r\nHost: x\r\n${more}\r\n`;

describe('the head of an answer is the one that Node would write', () => {
  it.each(Object.keys(CASES))('%s', async (name) => {
    for (const bytes of [
      request(name),
      request(name, 'HEAD'),
      request(name, 'GET', '1.0'),
      request(name, 'GET', '1.1', 'Connection: close\r\n'),
      request(name, 'POST', '1.1', 'Expect: 100-continue\r\nContent-Length: 0\r\n'),
    ]) {
      const [mine, theirs] = await Promise.all([exchange(ours, bytes, 1), exchange(nodes, bytes, 1)]);
      expect(mine.startsWith(CONTINUE)).toBe(bytes.includes('100-continue'));
      expect({ bytes, ...compared(mine) }).toEqual({ bytes, ...compared(theirs) });
    }
  });
});

it('is put together here where it is an ordinary one: the media type stands first', async () => {
  expect(await exchange(ours, request('plain'), 1)).toMatch(/^HTTP\/1\.1 200 OK\r\ncontent-type: /);
});

it('is left to a Node that writes heads in another way', async () => {
  const { prototype } = process.getBuiltinModule('node:http').ServerResponse;
  const members = prototype as unknown as {
    _header: string;
    _storeHeader(first: string, headers: object): void;
  };
  const { _storeHeader: usual } = members;
  members._storeHeader = function (this: typeof members, first, headers) {
    usual.call(this, first, headers);
    this._header = this._header.replace('\r\n', '\r\nX-Of-Another-Node: 1\r\n');
  };
  try {
    const anew = (await import(
      `${new URL('../../src/http/answer-head.ts', import.meta.url).href}?anew`
    )) as typeof import('../../src/http/answer-head.ts');
    const res = response();
    anew.writeJsonHead(res, facts, { status: 200, bytes: 2 });
    expect((res as unknown as typeof members)._header).toContain('X-Of-Another-Node: 1');
  } finally {
    members._storeHeader = usual;
  }
});

it('answers on one connection keep their borders, and the time of each is a time', async () => {
  const text = await exchange(ours, request('plain').repeat(3), 3);
  const answers = text.split('HTTP/1.1 ').slice(1);
  expect(answers).toHaveLength(3);
  for (const answer of answers) {
    expect(answer).toMatch(/^200 OK\r\n/);
    expect(answer.endsWith(`\r\n\r\n${BODY}`)).toBe(true);
    const date = /\r\nDate: ([^\r]+)/.exec(answer)?.[1] as string;
    expect(new Date(date).toUTCString()).toBe(date);
    expect(Math.abs(Date.parse(date) - Date.now())).toBeLessThan(60_000);
  }
});

/** A response that nobody is connected to. */
function response(): ServerResponse {
  const { ServerResponse: Response } = process.getBuiltinModule('node:http');
  return new Response({
    method: 'GET',
    httpVersionMajor: 1,
    httpVersionMinor: 1,
    headers: {},
  } as IncomingMessage);
}

it('a line break in a value is refused, wherever the value comes from', () => {
  const split = 'a\r\nset-cookie: b=c';
  expect(() => constantHeaders({ 'x-test': split })).toThrow(TypeError);
  expect(() => constantHeaders({ 'x test': 'a' })).toThrow(TypeError);
  for (const extra of [
    { 'x-test': split },
    { 'x-test': ['a', split] },
    { [split]: 'a' },
  ] as AnswerHeaders[]) {
    expect(() => writeJsonHead(response(), facts, { status: 200, bytes: 2, extra })).toThrow(TypeError);
  }
});

it('whoever waits for the head to be written is told', () => {
  const res = response();
  const plain = res.writeHead.bind(res);
  let told = 0;
  res.writeHead = ((...values: Parameters<typeof plain>) => {
    told += 1;
    return plain(...values);
  }) as typeof res.writeHead;
  writeJsonHead(res, facts, { status: 200, bytes: 2 });
  expect(told).toBe(1);
  expect(res.headersSent).toBe(true);
});
