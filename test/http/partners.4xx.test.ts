import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type ConnectedService,
  startConnectedService,
  WHATSAPP_MESSAGE,
} from '../partners/partner-service.ts';
import { rawRequest } from '../support/raw-request.ts';

const MESSAGES = '/partners/whatsapp/v1/messages';

let s: ConnectedService;
beforeAll(async () => {
  s = await startConnectedService();
});
afterAll(() => s[Symbol.asyncDispose]());
beforeEach(() => {
  for (const { arrived } of [s.cmzon, s.asapp, s.messengerx]) arrived.length = 0;
});

/** Nothing reached any partner. */
function expectSilence() {
  expect([s.cmzon, s.asapp, s.messengerx].flatMap(({ arrived }) => arrived)).toEqual([]);
}

async function expectRefusal(
  call: PromiseLike<{ status: number; body: unknown }>,
  status: number,
  code: string,
): Promise<void> {
  const answer = await call;
  expect(answer).toMatchObject({ status, body: { success: false, error: { code } } });
  expectSilence();
}

describe('nothing is passed on for', () => {
  it('nobody', async () => {
    await expectRefusal(s.t.api.post(MESSAGES).send(WHATSAPP_MESSAGE), 401, 'INVALID_ACCESS_TOKEN');
  });

  it('a key that may only read profiles', async () => {
    const headers = { authorization: `Bearer ${s.t.north.key.secret}` };
    const answer = await s.call(MESSAGES, WHATSAPP_MESSAGE, headers);
    expect(answer.body).toMatchObject({
      error: { code: 'INSUFFICIENT_SCOPE', details: { scope: 'partner:call' } },
    });
    expect(answer.status).toBe(403);
    expectSilence();
  });

  it('a public id alone', async () => {
    const key = await s.t.createKey(s.t.north, { scopes: ['partner:call'] });
    const { JWT } = await s.t.signIn();
    const headers = { 'x-api-key': key.publicId, 'customer-auth': `JWT ${JWT}` };
    await expectRefusal(s.t.api.post(MESSAGES).set(headers).send(WHATSAPP_MESSAGE), 401, 'INVALID_API_KEY');
  });

  it('a test key, where it was not said that it may', async () => {
    const key = await s.t.createKey(s.t.north, { scopes: ['partner:call'], environment: 'test' });
    const headers = { authorization: `Bearer ${key.secret}` };
    await expectRefusal(s.call(MESSAGES, WHATSAPP_MESSAGE, headers), 403, 'ENVIRONMENT_NOT_ALLOWED');
  });

  it('a partner that the connection is not opened to, exactly as for a connection that does not exist', async () => {
    const headers = { authorization: `Bearer ${await s.secretOf(s.t.south)}` };
    const closed = await s.call(MESSAGES, WHATSAPP_MESSAGE, headers);
    const absent = await s.call('/partners/nowhere/v1/messages', WHATSAPP_MESSAGE, headers);
    const plain = await s.call('/partners/crm/v1/profile', WHATSAPP_MESSAGE, headers);
    const without = ({ body }: { body: { error: object } }) => ({ ...body.error, request_id: '' });
    expect(closed.status).toBe(404);
    expect([without(absent), without(plain)]).toEqual([without(closed), without(closed)]);
    expectSilence();
  });
});

describe('nothing is passed on about', () => {
  it('no customer', async () => {
    const authorization = `Bearer ${await s.secretOf()}`;
    const call = s.t.api.post(MESSAGES).set({ authorization }).send(WHATSAPP_MESSAGE);
    await expectRefusal(call, 401, 'INVALID_CUSTOMER_TOKEN');
  });

  it('a customer of another partner', async () => {
    const { JWT } = await s.t.signIn('south');
    const call = s.call(MESSAGES, WHATSAPP_MESSAGE, { 'customer-auth': `JWT ${JWT}` });
    await expectRefusal(call, 401, 'INVALID_CUSTOMER_TOKEN');
  });

  it('a customer who was there too long ago', async () => {
    const { JWT } = await s.t.signIn('app');
    s.clock.advance(180_000);
    const call = s.call(MESSAGES, WHATSAPP_MESSAGE, { 'customer-auth': `JWT ${JWT}` });
    await expectRefusal(call, 401, 'CUSTOMER_TOKEN_EXPIRED');
  });

  it('somebody else than the customer who is proven', async () => {
    const { customer_id: other } = await s.t.signIn('ios', 'noor');
    const call = s.call('/partners/mx/v1/messages/send', { users: [other], message: { text: 'Hello' } });
    const answer = await call;
    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({ error: { code: 'INVALID_REQUEST', details: { member: 'users' } } });
    expectSilence();
  });

  it.each([
    ['a whole list', { users: ['c1x', 'c1y'], message: {} }],
    ['nobody in particular', { users: [], message: {} }],
    ['an object in the place of the list', { users: { 0: 'c1x' }, message: {} }],
  ])('%s', async (_what, body) => {
    await expectRefusal(s.call('/partners/mx/v1/messages/send', body), 400, 'INVALID_REQUEST');
  });

  it('an agent in the customer’s place', async () => {
    const body = { text: 'Hello', sender: { role: 'agent', externalId: 'agent-1' } };
    const path = '/partners/asapp/conversation/v1/conversations/01ABC/messages';
    await expectRefusal(s.call(path, body), 400, 'INVALID_REQUEST');
    await expectRefusal(s.call(path, { ...body, sender: 'agent' }), 400, 'INVALID_REQUEST');
  });

  it('a token of the caller’s own making', async () => {
    const path = '/partners/asapp/conversation/v1/conversations/01ABC/authenticate';
    await expectRefusal(s.call(path, { auth: { token: 'made.up.token' } }), 400, 'INVALID_REQUEST');
  });
});

describe('a path that is not open', () => {
  /** Sends the path byte for byte, as no HTTP library would. */
  async function raw(path: string): Promise<{ status: number; code: unknown }> {
    s.clock.advance(1_000);
    const { JWT } = await s.t.signIn();
    const body = JSON.stringify(WHATSAPP_MESSAGE);
    const { status, text } = await rawRequest(
      s.t.url,
      [
        `POST ${path} HTTP/1.1`,
        'host: id.test',
        `authorization: Bearer ${await s.secretOf()}`,
        `customer-auth: JWT ${JWT}`,
        'content-type: application/json',
        `content-length: ${Buffer.byteLength(body)}`,
        'connection: close',
        '',
        body,
      ].join('\r\n'),
    );
    const { error } = JSON.parse(text) as { error: { code: unknown } };
    return { status, code: error.code };
  }

  it.each([
    '/partners/whatsapp/v1/messages/',
    '/partners/whatsapp/v1//messages',
    '/partners/whatsapp//v1/messages',
    '/partners/whatsapp/v1/messages/../accounts',
    '/partners/whatsapp/v1/./messages',
    '/partners/whatsapp/../whatsapp/v1/messages',
    '/partners/whatsapp/v1/accounts',
    '/partners/whatsapp/V1/messages',
    '/partners/whatsapp/v1/message%73',
    '/partners/whatsapp/v1%2fmessages',
    '/partners/whatsapp/v1%2Fmessages',
    '/partners/whatsapp/v1/%2e%2e/v1/messages',
    '/partners/whatsapp/v1/messages%00',
    '/partners/whatsapp/v1/messages%0d%0aX-Evil:%201',
    '/partners/whatsapp/v1/messages%23',
    '/partners/whatsapp/v1/messages?to=x',
    '/partners/whatsapp/v1/messages;v=1',
    '/partners/whatsapp/v1\\messages',
    '/partners/whatsapp/v1/messages%3f',
    '/partners/whatsapp/v1/messages%252e',
    '/partners/whatsapp/@elsewhere.test/v1/messages',
    '/partners/whatsapp/http://elsewhere.test/v1/messages',
    `/partners/whatsapp/v1/${'a'.repeat(2_000)}`,
    '/partners/asapp/conversation/v1/conversations/01abc/authenticate',
    '/partners/asapp/conversation/v1/conversations/../authenticate',
  ])('is refused in every disguise: %s', async (path) => {
    expect(await raw(path)).toEqual({ status: 403, code: 'PARTNER_PATH_NOT_OPEN' });
    expectSilence();
  });

  it.each(['/partners/whatsapp', '/partners/whatsapp/', '/partners//v1/messages', '/partners/'])(
    'is no address at all without a connection and a path: %s',
    async (path) => {
      expect((await raw(path)).code).toMatch(/^(NOT_FOUND|PARTNER_PATH_NOT_OPEN)$/);
      expectSilence();
    },
  );

  it('is refused with a broken percent-encoding', async () => {
    expect(await raw('/partners/whatsapp/v1/%zz')).toEqual({ status: 400, code: 'INVALID_REQUEST' });
    expectSilence();
  });

  it.each(['get', 'put', 'delete', 'patch'] as const)('is not there for %s', async (method) => {
    await s.t.api[method](MESSAGES).expect(405);
    expectSilence();
  });
});

describe('a body', () => {
  it('that is not JSON is refused', async () => {
    await expectRefusal(
      s.call(MESSAGES, 'to=1', { 'content-type': 'application/x-www-form-urlencoded' }),
      415,
      'UNSUPPORTED_MEDIA_TYPE',
    );
    await expectRefusal(s.call(MESSAGES, '[1]'), 400, 'INVALID_REQUEST');
    await expectRefusal(s.call(MESSAGES, '{"to":"a","to":"b"}'), 400, 'INVALID_REQUEST');
  });

  it('that is too large or nested too deep is refused', async () => {
    await expectRefusal(s.call(MESSAGES, { text: 'x'.repeat(65_536) }), 413, 'BODY_TOO_LARGE');
    const deep = `{"a":${'['.repeat(30_000)}${']'.repeat(30_000)}}`;
    await expectRefusal(s.call(MESSAGES, deep), 400, 'INVALID_REQUEST');
  });

  it('with names that mean something to JavaScript arrives as it is', async () => {
    const body = '{"to":"+1","type":"text","__proto__":{"admin":true},"constructor":{"x":1}}';
    expect((await s.call(MESSAGES, body)).status).toBe(200);
    expect(s.cmzon.arrived[0]?.body).toBe(body);
  });
});

it('a refusal by the partner API comes back with its status and body', async () => {
  const answer = await s.callRaw(MESSAGES, { to: 1 });
  expect(answer.status).toBe(400);
  expect(JSON.parse(answer.text)).toEqual({
    error: { code: 'INVALID_REQUEST', message: 'to and type are needed.', details: {} },
  });
  expect(answer.headers.get('x-answered-by')).toBe('whatsapp');
  expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
});

it('a refused call is recorded', async () => {
  const { JWT } = await s.t.signIn('south');
  const answer = await s.call(MESSAGES, WHATSAPP_MESSAGE, { 'customer-auth': `JWT ${JWT}` });
  const requestId = answer.headers['x-request-id'] as string;
  const { body } = await s.t.admin.get(`/admin/audit?request_id=${requestId}`).expect(200);
  expect((body as { items: unknown[] }).items).toMatchObject([
    { event: 'access.denied', partner: 'north', reason: 'INVALID_CUSTOMER_TOKEN' },
  ]);
  const closed = await s.call('/partners/whatsapp/v1/other', WHATSAPP_MESSAGE);
  const id = closed.headers['x-request-id'] as string;
  const why = await s.t.admin.get(`/admin/why/${id}`).expect(200);
  expect(why.body.explanation).toContain('Open paths of this connection: /v1/messages.');
});
