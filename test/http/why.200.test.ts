import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PASSWORD, SHOP_ORIGIN, startService, type TestService } from '../support/service.ts';

let t: TestService;
beforeEach(async () => {
  t = await startService();
});
afterEach(() => t.dispose());

type Answer = { headers: Record<string, string> };
const idOf = ({ headers }: Answer) => headers['x-request-id'] as string;

async function why(answer: Answer) {
  const { body } = await t.admin.get(`/admin/why/${idOf(answer)}`).expect(200);
  return { ...body, text: (body.explanation as string[]).join(' ') };
}

const profileOf = (headers: Record<string, string>) => t.api.post('/getprofile').set(headers);
const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` });

describe('why a request was refused', () => {
  it('is told for a key that lacks the scope: which key of which partner, which scope, what to do', async () => {
    const key = await t.createKey(t.north, { label: 'narrow', scopes: ['whoami'] });
    const told = await why(await profileOf(bearer(key.secret)).expect(403));
    expect(told).toMatchObject({
      refused: true,
      at: '2026-01-01T00:00:00.000Z',
      code: 'INSUFFICIENT_SCOPE',
      status: 403,
      endpoint: 'POST /getprofile',
      partner: 'north',
      key_prefix: key.publicId.slice(0, 14),
      address: '127.0.0.1',
    });
    expect(told.text).toContain('The call needs the scope profile:read.');
    expect(told.advice).toContain('give it to the client or key');
  });

  it('is told for a revoked key that was named: the caller learned less', async () => {
    const key = await t.createKey(t.north, { label: 'old server' });
    await t.admin.post(`/admin/api-keys/${key.keyId}/revoke`).expect(200);
    const headers = { ...bearer(await t.accessToken()), 'api-key': key.publicId };
    const refused = await profileOf(headers).expect(401);
    expect(refused.body.error.message).not.toContain('revoked');
    const told = await why(refused);
    expect(told.code).toBe('INVALID_API_KEY');
    expect(told.text).toContain('("old server", partner north) was revoked at 2026-01-01T00:00:00.000Z');
  });

  it('is told for a customer token that expired', async () => {
    const { JWT } = await t.signIn('app');
    t.clock.advance(3_600_000);
    const told = await why(
      await profileOf({ ...bearer(t.north.key.secret), 'customer-auth': `JWT ${JWT}` }).expect(401),
    );
    expect(told).toMatchObject({ code: 'CUSTOMER_TOKEN_EXPIRED', partner: 'north' });
    expect(told.advice).toContain('new customer token');
  });

  it('is told for the proof of another partner, and whose it is; the caller learns no more than of a forged one', async () => {
    const { JWT } = await t.signIn(t.south.channel);
    const ask = (proof: string) =>
      profileOf({ ...bearer(t.north.key.secret), 'customer-auth': `JWT ${proof}` }).expect(401);
    const [foreign, forged] = [await ask(JWT), await ask(`${JWT.slice(0, -8)}AAAAAAAA`)];
    const { request_id: _a, ...seen } = foreign.body.error;
    const { request_id: _b, ...known } = forged.body.error;
    expect(seen).toEqual(known);
    const told = await why(foreign);
    expect(told.text).toContain(
      `The proof is genuine, and of the channel ${t.south.channel}, whose group belongs to partner south`,
    );
    expect(told.advice).toContain('a group belongs to one partner');
    expect((await why(forged)).text).not.toContain('genuine, and of');
  });

  it('is told for a used-up limit: which, how large, how long to wait', async () => {
    await t.admin.put(`/admin/limits/keys/${t.north.key.keyId}`).send({ tier: 'development' }).expect(200);
    for (let i = 0; i < 10; i++) await profileOf(bearer(t.north.key.secret)).expect(401);
    const told = await why(await profileOf(bearer(t.north.key.secret)).expect(429));
    expect(told).toMatchObject({ code: 'RATE_LIMITED', status: 429, partner: 'north' });
    expect(told.text).toContain('The limit "key-minute" allows 10 in 60 s and was used up.');
    expect(told.text).toContain('Another try made sense after 60 s.');
  });

  it('is told for a wrong client secret, naming the client that the caller claimed to be', async () => {
    const call = t.api
      .post('/oauth/token')
      .auth(t.north.clientId, 'cs_wrong')
      .type('form')
      .send({ grant_type: 'client_credentials' });
    const told = await why(await call.expect(401));
    expect(told).toMatchObject({ code: 'invalid_client', status: 401 });
    expect(told.text).toContain(`It named the client ${t.north.clientId}, which proves nothing by itself.`);
  });

  it('is told for a wrong password, without the name that was typed', async () => {
    const call = t.api
      .post('/customer_authenticate')
      .send({ username: 'mira', password: 'guess', channel: 'ios' });
    const told = await why(await call.expect(401));
    expect(told).toMatchObject({ code: 'INVALID_CREDENTIALS', status: 401 });
    expect(JSON.stringify(told)).not.toContain('mira');
  });

  it.each([
    ['GET', '/whoami', {}, 401, 'INVALID_ACCESS_TOKEN'],
    ['GET', '/customer_session', { cookie: '__Host-symbolon=s%3Anone' }, 401, 'NOT_SIGNED_IN'],
    ['GET', '/customer_session', { origin: 'https://evil.test' }, 403, 'ORIGIN_NOT_ALLOWED'],
    [
      'POST',
      '/customer_session/token',
      { 'x-symbolon-csrf': '1', origin: SHOP_ORIGIN },
      401,
      'NOT_SIGNED_IN',
    ],
    ['POST', '/customer_session/token', { origin: SHOP_ORIGIN }, 403, 'CSRF_REJECTED'],
    ['DELETE', '/customer_session', { origin: SHOP_ORIGIN }, 403, 'CSRF_REJECTED'],
    ['POST', '/getprofile', {}, 401, 'INVALID_ACCESS_TOKEN'],
    ['POST', '/getprofile', { authorization: 'Basic eDp5' }, 401, 'INVALID_ACCESS_TOKEN'],
    ['POST', '/oauth/token', { authorization: 'Basic eDp5' }, 401, 'invalid_client'],
  ] as const)('is told for %s %s with %j', async (method, path, headers, status, code) => {
    const name = method.toLowerCase() as 'delete' | 'get' | 'post';
    const body = path.startsWith('/oauth') ? { grant_type: 'client_credentials' } : undefined;
    const told = await why(await t.api[name](path).set(headers).send(body).expect(status));
    expect(told).toMatchObject({ refused: true, status, code });
    expect(told.advice).toMatch(/\S/);
  });

  it('is told for a wrong admin token', async () => {
    const refused = await fetch(`${t.adminUrl}/admin/status`, { headers: { authorization: 'Bearer guess' } });
    expect(refused.status).toBe(401);
    const told = await why({ headers: Object.fromEntries(refused.headers) });
    expect(told).toMatchObject({ code: 'INVALID_ADMIN_TOKEN', status: 401 });
  });

  it('leaves one record of a refusal, not two', async () => {
    const refused = await t.api
      .post('/customer_authenticate')
      .send({ username: 'mira', password: 'guess', channel: 'ios' })
      .expect(401);
    const { body } = await t.admin.get(`/admin/audit?request_id=${idOf(refused)}`).expect(200);
    expect(body.items).toHaveLength(1);
  });

  it('says of a request that was answered that nothing was refused', async () => {
    const answer = await t.api
      .post('/customer_authenticate')
      .send({ username: 'mira', password: PASSWORD, channel: 'ios' })
      .expect(200);
    const told = await why(answer);
    expect(told).toMatchObject({ refused: false, code: null, advice: null });
    expect(told.text).toContain('Nothing in this request was refused.');
  });

  it('tells which backend failed and how, though the caller learned its name and status alone', async () => {
    const { JWT } = await t.signIn();
    const headers = { ...bearer(t.north.key.secret), 'customer-auth': `JWT ${JWT}` };
    t.crm.mode = 'html';
    const answered = await profileOf(headers).expect(200);
    expect(answered.body.sources).toEqual({ crm: 'error', billing: 'ok' });
    const partly = await why(answered);
    expect(partly).toMatchObject({ refused: false });
    expect(partly.text).toContain('Backend crm answers with something that is not JSON');
    expect(partly.advice).toContain('symbolon doctor');
    t.crm.mode = 'no_customer';
    const told = await why(
      await profileOf(headers)
        .send({ fields: ['plan'] })
        .expect(502),
    );
    expect(told.text).toContain('profile.read failed (BACKEND_ERROR)');
    expect(told.text).toContain('Backend crm does not say whom its answer is about');
    const lines = t.logs().filter(({ event }) => event === 'backend.failed');
    expect(lines).toMatchObject([
      { backend: 'crm', status: 200, reason: 'not_json', request_id: idOf(answered) },
      { backend: 'crm', status: 200, reason: 'subject_missing' },
    ]);
  });

  it('is 404 for an id that nobody knows, with the reason', async () => {
    const { body } = await t.admin.get('/admin/why/nobody').expect(404);
    expect(body.error.message).toContain('audit log knows no request');
  });

  it('holds no secret that the request carried', async () => {
    const { JWT } = await t.signIn();
    const secrets = [t.south.key.secret, t.south.key.publicId, JWT];
    const told = await why(
      await profileOf({
        ...bearer(t.south.key.secret),
        'api-key': t.north.key.publicId,
        'customer-auth': `JWT ${JWT}`,
      }).expect(401),
    );
    for (const secret of secrets) expect(JSON.stringify(told)).not.toContain(secret);
  });

  it('does not fill the audit log with visitors who are nobody', async () => {
    const answer = await t.api.get('/customer_session').expect(401);
    const { body } = await t.admin.get(`/admin/why/${idOf(answer)}`).expect(404);
    expect(body.error.code).toBe('NOT_FOUND');
  });
});
