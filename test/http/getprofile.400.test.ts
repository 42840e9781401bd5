import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startService, type TestService } from '../support/service.ts';

let t: TestService;
let headers: Record<string, string>;
beforeAll(async () => {
  t = await startService();
  headers = {
    authorization: `Bearer ${t.north.key.secret}`,
    'customer-auth': `JWT ${(await t.signIn()).JWT}`,
  };
});
afterAll(() => t.dispose());

const asItIs = (body: unknown) => body as string;
const send = (body: string | Buffer, type = 'application/json') =>
  t.api
    .post('/getprofile')
    .set({ ...headers, 'content-type': type })
    .serialize(asItIs)
    .send(body as string);

describe('400: a body that is not well-formed', () => {
  it.each([
    ['an array', '[]'],
    ['a string', '"plan"'],
    ['null', 'null'],
    ['a cut body', '{"fields":["plan"]'],
    ['a repeated member', '{"fields":["plan"],"fields":["balance"]}'],
    ['a repeated member in two spellings', '{"fields":["plan"],"field\\u0073":["balance"]}'],
    ['fields that are no list', '{"fields":"plan"}'],
    ['fields as an object', '{"fields":{"0":"plan"}}'],
    ['null for fields', '{"fields":null}'],
    ['a field that is no string', '{"fields":["plan",1]}'],
    ['a field that is a list', '{"fields":[["plan"]]}'],
    ['101 fields', JSON.stringify({ fields: Array.from({ length: 101 }, () => 'plan') })],
    ['single quotes', "{'fields':['plan']}"],
    ['a byte order mark', '\uFEFF{}'],
    ['invalid UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
    ['a lone brace', '{'],
  ])('%s', async (_what, body) => {
    const answer = await send(body).expect(400);
    expect(answer.body.error.code).toBe('INVALID_REQUEST');
    expect(t.crm.requests).toEqual([]);
  });

  it('unless it is only deep, which is harmless', async () => {
    const depth = 15_000;
    for (const [open, close] of [
      ['[', ']'],
      ['{"a":', '}'],
    ] as const) {
      const text = `{"x":${open.repeat(depth / open.length)}1${close.repeat(depth / open.length)}}`;
      expect((await send(text)).status).toBe(200);
    }
    t.crm.requests.length = 0;
  });
});

describe('415: a body that is not JSON in UTF-8', () => {
  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/json; charset=utf-16',
    'application/jose',
  ])('%s', async (type) => {
    await send('{}', type).expect(415);
  });

  it('compressed', async () => {
    await send(gzipSync('{}')).set('content-encoding', 'gzip').expect(415);
  });
});

describe('413: a body over 65,536 bytes', () => {
  const padded = (bytes: number) => `{"x":"${'y'.repeat(bytes - 8)}"}`;
  it('is told before anything else', async () => {
    await send(padded(65_536)).expect(200);
    const { body } = await send(padded(65_537)).expect(413);
    expect(body.error.details).toEqual({ max_bytes: 65_536 });
    await t.api.post('/getprofile').set('content-type', 'application/json').send(padded(65_537)).expect(413);
    await send(padded(10_000_000)).expect(413);
  });
});
