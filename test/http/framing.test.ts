import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RawAnswer, rawRequest } from '../support/raw-request.ts';
import { startService, type TestService } from '../support/service.ts';

let t: TestService;
beforeAll(async () => {
  t = await startService();
});
afterAll(() => t.dispose());

const GET = 'GET /health/live HTTP/1.1\r\nHost: x\r\n';
const POST = 'POST /access_token HTTP/1.1\r\nHost: x\r\n';
const FORM = 'Content-Type: application/x-www-form-urlencoded\r\n';

/** A refusal in the envelope (or RFC 6749's), with every constant header, that says nothing of what was sent. */
function expectRefusal(answer: RawAnswer, status: number, code?: string) {
  expect(answer.status).toBe(status);
  const { error } = JSON.parse(answer.text) as { error: { code: string } | string };
  const given = typeof error === 'string' ? error : error.code;
  expect(given).toBe(code ?? given);
  expect(answer.headers).toMatchObject({
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  expect(answer.headers['x-request-id']).toMatch(/^[A-Za-z0-9_-]{12,32}$/);
  expect(answer.text).not.toMatch(/xyzzy|HPE_|Parse Error|at .*\.ts/);
}

it('a plain request is answered, so that the refusals below are worth something', async () => {
  expect(await rawRequest(t.url, `${GET}\r\n`)).toMatchObject({ status: 200, text: '{"status":"ok"}' });
  expect((await rawRequest(t.url, 'GET /health/live HTTP/1.0\r\n\r\n')).status).toBe(200);
});

it('a target with scheme and host is the same as its path, and one without a path is refused in the envelope', async () => {
  const get = (target: string) =>
    rawRequest(t.url, `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
  expect(await get('http://x/health/live')).toMatchObject({ status: 200, text: '{"status":"ok"}' });
  expect(await get('HTTPS://x:1/health/live?a=b')).toMatchObject({ status: 200 });
  expectRefusal(await get('http://x/nothing'), 404, 'NOT_FOUND');
  for (const target of ['http://', 'http://[::1/x', 'http://a@[/x', 'https://[:x/..', 'http://x']) {
    const answer = await get(target);
    expect([400, 404]).toContain(answer.status);
    expectRefusal(answer, answer.status);
  }
});

describe('a message that two readers could read in two ways is refused', () => {
  it.each([
    [
      'Content-Length beside Transfer-Encoding',
      `${POST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    ['two lengths', `${POST}Content-Length: 5\r\nContent-Length: 6\r\n\r\nxyzzy`],
    ['the same length twice', `${POST}${FORM}Content-Length: 5\r\nContent-Length: 5\r\n\r\nxyzzy`],
    ['a list of lengths', `${POST}Content-Length: 5, 5\r\n\r\nxyzzy`],
    ['a negative length', `${POST}Content-Length: -5\r\n\r\nxyzzy`],
    ['a signed length', `${POST}Content-Length: +5\r\n\r\nxyzzy`],
    ['a hexadecimal length', `${POST}Content-Length: 0x5\r\n\r\nxyzzy`],
    ['an unknown transfer coding', `${POST}Transfer-Encoding: xyzzy\r\n\r\n5\r\nxyzzy\r\n0\r\n\r\n`],
    ['chunked that is not last', `${POST}Transfer-Encoding: chunked, gzip\r\n\r\n5\r\nxyzzy\r\n0\r\n\r\n`],
    [
      'two transfer codings',
      `${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    ['a chunk size that is none', `${POST}${FORM}Transfer-Encoding: chunked\r\n\r\nxyzzy\r\n`],
    ['a bare line feed between headers', 'GET /health/live HTTP/1.1\nHost: x\n\n'],
    ['a bare carriage return in a header', `${GET}X-A: a\rX-B: xyzzy\r\n\r\n`],
    ['a folded header', `${GET}X-A: a\r\n xyzzy\r\n\r\n`],
    ['a space before the colon', `${GET}X-A : xyzzy\r\n\r\n`],
    ['a header without a colon', `${GET}xyzzy\r\n\r\n`],
    ['a NUL in a header', `${GET}X-A: xyzzy\u0000\r\n\r\n`],
    ['two hosts', `${GET}Host: y\r\n\r\n`],
    ['no host', 'GET /health/live HTTP/1.1\r\n\r\n'],
    ['HTTP/0.9', 'GET /health/live\r\n\r\n'],
    ['a version that there is not', 'GET /health/live HTTP/3.7\r\nHost: x\r\n\r\n'],
    ['a method that is none', 'xyzzy /health/live HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['a space in the address', 'GET /health/live xyzzy HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['another protocol', '\u0016\u0003\u0001\u0002\u0000\u0001xyzzy\r\n\r\n'],
    ['HTTP/2 by prior knowledge', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ])('%s', async (_what, bytes) => {
    expectRefusal(await rawRequest(t.url, bytes), 400);
  });

  it('a broken percent escape in the path is a path that nobody has', async () => {
    expectRefusal(
      await rawRequest(t.url, 'GET /getprofile/%zz HTTP/1.1\r\nHost: x\r\n\r\n'),
      404,
      'NOT_FOUND',
    );
  });

  it('and what follows it on the connection is not taken for a request', async () => {
    const smuggled = 'GET /xyzzy HTTP/1.1\r\nHost: x\r\n\r\n';
    const bytes = `${POST}Content-Length: ${smuggled.length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`;
    const { text } = await rawRequest(t.url, bytes);
    expect(text.match(/"success":false/g)).toHaveLength(1);
  });
});

describe('headers', () => {
  it('over 16 KB are 431, one long or thousands of short ones', async () => {
    expectRefusal(
      await rawRequest(t.url, `${GET}X-A: ${'y'.repeat(17_000)}\r\n\r\n`),
      431,
      'HEADERS_TOO_LARGE',
    );
    const many = Array.from({ length: 5_000 }, (_, i) => `x${i}: y\r\n`).join('');
    expectRefusal(await rawRequest(t.url, `${GET}${many}\r\n`), 431, 'HEADERS_TOO_LARGE');
    const path = `GET /${'y'.repeat(17_000)} HTTP/1.1\r\nHost: x\r\n\r\n`;
    expectRefusal(await rawRequest(t.url, path), 431, 'HEADERS_TOO_LARGE');
  });

  it('hide nothing by their number: behind a thousand others no second credential is overlooked', async () => {
    const head = `POST /getprofile HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nAuthorization: Bearer ${t.north.key.secret}\r\n`;
    const second = 'Authorization: Bearer x\r\n\r\n';
    const few = await rawRequest(t.url, `${head}${'a:b\r\n'.repeat(900)}${second}`);
    expectRefusal(few, 401, 'INVALID_ACCESS_TOKEN');
    const many = await rawRequest(t.url, `${head}${'a:b\r\n'.repeat(1_500)}${second}`);
    expectRefusal(many, 431, 'HEADERS_TOO_LARGE');
  });

  it('an expectation that nobody knows is passed over, and 100-continue is kept', async () => {
    expect((await rawRequest(t.url, `${GET}Expect: xyzzy\r\n\r\n`)).status).toBe(200);
    const body = 'grant_type=x';
    const head = `${POST}${FORM}Content-Length: ${body.length}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n`;
    const { text, status } = await rawRequest(t.url, head + body);
    expect(status).toBe(100);
    expect(text).toMatch(/^HTTP\/1\.1 401 /);
  });

  it('an upgrade that nobody offers is a request like any other', async () => {
    const upgrade = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAAA\r\n\r\n';
    expect((await rawRequest(t.url, GET + upgrade)).status).toBe(200);
  });
});

describe('a request id', () => {
  it('is our own, whatever the caller sends, and unlike any other', async () => {
    const seen = new Set<string>();
    for (let i = 0; i < 20; i++) {
      const { headers } = await t.api
        .get('/health/live')
        .set({ 'x-request-id': 'mine', 'x-correlation-id': 'mine' });
      seen.add(headers['x-request-id'] as string);
    }
    expect(seen.size).toBe(20);
    expect(seen).not.toContain('mine');
  });

  it('is also in the log, next to what happened', async () => {
    const { headers } = await t.api.get('/nowhere').expect(404);
    const line = t.logs().find((one) => one['request_id'] === headers['x-request-id']);
    expect(line).toMatchObject({ event: 'http.request', status: 404, route: 'unknown', code: 'NOT_FOUND' });
  });
});

it('nothing above was taken for a defect of ours', () => {
  expect(t.logs().filter(({ event }) => event === 'http.unexpected_error')).toEqual([]);
});
