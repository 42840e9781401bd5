import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { asappCredentials } from '../partners/asapp.ts';
import { cmzonCredentials } from '../partners/cmzon.ts';
import {
  type ConnectedService,
  startConnectedService,
  WHATSAPP_MESSAGE,
} from '../partners/partner-service.ts';
import { v1Headers } from './signing.ts';

let s: ConnectedService;
beforeAll(async () => {
  s = await startConnectedService();
});
afterAll(() => s[Symbol.asyncDispose]());
beforeEach(() => {
  for (const { arrived, carriedOut } of [s.cmzon, s.asapp, s.messengerx]) {
    arrived.length = 0;
    carriedOut.length = 0;
  }
});

const sent = (body: string | undefined) => JSON.parse(body ?? '') as Record<string, unknown>;

describe('a call that is passed on', () => {
  it('arrives with our credentials and comes back with the partner API’s own answer', async () => {
    const answer = await s.call('/partners/whatsapp/v1/messages', WHATSAPP_MESSAGE);
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({ id: 'wamid.1', status: 'queued', to: '+15550100' });
    expect(answer.headers['x-answered-by']).toBe('whatsapp');
    expect(sent(s.cmzon.carriedOut[0]?.body)).toEqual(WHATSAPP_MESSAGE);
    expect(s.cmzon.carriedOut[0]?.headers['authorization']).toBe(`Bearer ${cmzonCredentials.token}`);
  });

  it('carries no header of the partner’s request', async () => {
    const headers = {
      'x-forwarded-for': '192.0.2.9',
      cookie: 'a=b',
      'x-api-secret': 'mine',
      'x-customer': 'c1',
    };
    await s.call('/partners/whatsapp/v1/messages', WHATSAPP_MESSAGE, headers);
    const names = Object.keys(s.cmzon.carriedOut[0]?.headers ?? {});
    for (const name of ['customer-auth', ...Object.keys(headers)]) expect(names).not.toContain(name);
  });

  it('names the customer where the record says so, in a list', async () => {
    const { customer_id: customerId } = await s.t.signIn();
    const body = { message: { text: 'Hello' } };
    await s.call('/partners/mx/v1/messages/send', body);
    expect(sent(s.messengerx.carriedOut[0]?.body)).toEqual({ ...body, users: [customerId] });
  });

  it('names the customer in a member of a member, and says that it is the customer who writes', async () => {
    const { customer_id: customerId } = await s.t.signIn();
    const body = { text: 'Hello', timestamp: '2026-01-01T00:00:00Z' };
    await s.call('/partners/asapp/conversation/v1/conversations/01ABC/messages', body);
    expect(sent(s.asapp.carriedOut[0]?.body)).toEqual({
      ...body,
      sender: { role: 'customer', externalId: customerId },
    });
    expect(s.asapp.carriedOut[0]?.headers['asapp-api-secret']).toBe(asappCredentials.secret);
  });

  it('names the customer in a header where the operator said so', async () => {
    const { customer_id: customerId } = await s.t.signIn();
    await s.call('/partners/custom/v1/messages', WHATSAPP_MESSAGE);
    expect(s.cmzon.carriedOut[0]?.headers['x-customer']).toBe(customerId);
  });

  it('may say itself who the customer is, if that is right', async () => {
    const { customer_id: customerId } = await s.t.signIn();
    const body = { users: [customerId], message: { text: 'Hello' } };
    await s.call('/partners/mx/v1/messages/send', body);
    expect(sent(s.messengerx.carriedOut[0]?.body)).toEqual(body);
  });

  it('is recorded with partner, key and customer, and without its contents', async () => {
    const { customer_id: customerId } = await s.t.signIn();
    const answer = await s.call('/partners/whatsapp/v1/messages', WHATSAPP_MESSAGE);
    const requestId = answer.headers['x-request-id'] as string;
    const { body } = await s.t.admin.get(`/admin/audit?request_id=${requestId}`).expect(200);
    const [record] = (body as { items: Record<string, unknown>[] }).items;
    expect(record).toMatchObject({
      event: 'partner_api.called',
      outcome: 'success',
      partner: 'north',
      customer_id: customerId,
      details: { connection: 'whatsapp', path: '/v1/messages', status: 200, attempts: 1 },
    });
    expect(JSON.stringify(record)).not.toContain('15550100');
  });
});

describe('a conversation of ASAPP', () => {
  const path = '/partners/asapp/conversation/v1/conversations/01ABC/authenticate';

  it('is authenticated with the customer token that was shown', async () => {
    const { JWT, customer_id: customerId } = await s.t.signIn();
    const answer = await s.call(path, { streamId: 's1' }, { 'customer-auth': `JWT ${JWT}` });
    expect(answer.status).toBe(204);
    expect(answer.headers['x-answered-by']).toBe('asapp');
    expect(sent(s.asapp.carriedOut[0]?.body)).toEqual({
      streamId: 's1',
      customerExternalId: customerId,
      auth: { token: JWT },
    });
  });

  it('is authenticated with a new customer token for the session that was shown', async () => {
    const cookie = await s.t.signInWithCookie();
    await s.call(path, '', { 'customer-auth': `Cookie ${cookie}` });
    const { auth, customerExternalId } = sent(s.asapp.carriedOut[0]?.body) as {
      auth: { token: string };
      customerExternalId: string;
    };
    const asked = await s.t.api
      .post('/getprofile')
      .set({ authorization: `Bearer ${s.t.north.key.secret}`, 'customer-auth': `JWT ${auth.token}` })
      .expect(200);
    expect((asked.body as { customer_id: string }).customer_id).toBe(customerExternalId);
  });
});

describe('the partner that calls', () => {
  it('may prove itself by a signature', async () => {
    s.clock.advance(1_000);
    const key = await s.t.createKey(s.t.north, { use: 'signing', scopes: ['partner:call'] });
    const { JWT } = await s.t.signIn();
    const body = JSON.stringify(WHATSAPP_MESSAGE);
    await s.t.api
      .post('/partners/whatsapp/v1/messages')
      .set({ 'content-type': 'application/json', 'customer-auth': `JWT ${JWT}` })
      .set(v1Headers(s.t, key, body, Math.floor(s.clock.nowMs() / 1_000)))
      .send(body)
      .expect(200);
  });

  it('may bring the customer proof in the body, which is not passed on', async () => {
    const { JWT } = await s.t.signIn();
    s.clock.advance(1_000);
    await s.t.api
      .post('/partners/whatsapp/v1/messages')
      .set({ authorization: `Bearer ${await s.secretOf()}` })
      .send({ ...WHATSAPP_MESSAGE, customer_auth: JWT })
      .expect(200);
    expect(sent(s.cmzon.carriedOut[0]?.body)).toEqual(WHATSAPP_MESSAGE);
  });

  it('needs no customer where the operator said so', async () => {
    s.clock.advance(1_000);
    await s.t.api
      .post('/partners/custom/v1/messages')
      .set({ authorization: `Bearer ${await s.secretOf()}` })
      .send(WHATSAPP_MESSAGE)
      .expect(200);
    expect(s.cmzon.carriedOut[0]?.headers['x-customer']).toBeUndefined();
  });

  it('is told by the doctor what is old and whom nobody knows', async () => {
    const { body } = await s.t.admin.get('/admin/doctor').expect(200);
    const findings = (
      body as { findings: { subject: string; ok: boolean; warning?: boolean; message: string }[] }
    ).findings;
    const custom = findings.filter(({ subject }) => subject === 'connection custom');
    expect(custom.map(({ ok, warning }) => [ok, warning])).toEqual([
      [true, true],
      [true, true],
    ]);
    expect(custom[0]?.message).toContain('214 days old');
    expect(custom[1]?.message).toContain('west');
    expect(findings.filter(({ subject }) => subject === 'connection whatsapp')).toEqual([]);
    const status = await s.t.admin.get('/admin/connections').expect(200);
    const items = (status.body as { items: { name: string; warnings: string[] }[] }).items;
    expect(items.find(({ name }) => name === 'custom')?.warnings.join()).toContain('214 days old');
  });
});
