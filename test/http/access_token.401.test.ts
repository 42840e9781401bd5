import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startService, type TestService } from '../support/service.ts';

let t: TestService;
beforeAll(async () => {
  t = await startService();
});
afterAll(() => t.dispose());

const grant = { grant_type: 'client_credentials' };

describe.each(['/access_token', '/oauth/token'])('%s: a client that is not authenticated', (path) => {
  const seen = ({
    status,
    body,
    headers,
  }: {
    status: number;
    body: object;
    headers: Record<string, unknown>;
  }) => {
    const { date: _date, 'x-request-id': _id, ...rest } = headers;
    return { status, body, headers: rest };
  };
  const byBasic = (id: string, secret: string) => t.api.post(path).auth(id, secret).type('form').send(grant);

  it('looks the same whether the client is unknown, the secret wrong or the client revoked', async () => {
    const made = await t.admin.post('/admin/clients').send({ partner: 'north' }).expect(201);
    const { client_id, client_secret } = made.body as Record<string, string>;
    await byBasic(String(client_id), String(client_secret)).expect(200);
    await t.admin.post(`/admin/clients/${client_id}/revoke`).expect(200);

    const wrong = await byBasic(t.north.clientId, t.south.clientSecret).expect(401);
    expect(wrong.body).toEqual({
      error: 'invalid_client',
      error_description: 'Client authentication failed.',
    });
    expect(wrong.headers['www-authenticate']).toMatch(/^Basic realm="/);
    const unknown = await byBasic('cl_00000000000000000000', t.north.clientSecret).expect(401);
    const malformed = await byBasic("' or 1=1 --", 'x').expect(401);
    const revoked = await byBasic(String(client_id), String(client_secret)).expect(401);
    for (const other of [unknown, malformed, revoked]) expect(seen(other)).toEqual(seen(wrong));
  });

  it.each([
    ['nothing', (call: ReturnType<typeof t.api.post>) => call.send(grant)],
    [
      'an id alone',
      (call: ReturnType<typeof t.api.post>) => call.send({ ...grant, client_id: t.north.clientId }),
    ],
    [
      'a secret alone',
      (call: ReturnType<typeof t.api.post>) => call.send({ ...grant, client_secret: t.north.clientSecret }),
    ],
    [
      "another partner's id",
      (call: ReturnType<typeof t.api.post>) =>
        call.send({ ...grant, client_id: t.south.clientId, client_secret: t.north.clientSecret }),
    ],
    [
      'a key secret for a client secret',
      (call: ReturnType<typeof t.api.post>) =>
        call.send({ ...grant, client_id: t.north.clientId, client_secret: t.north.key.secret }),
    ],
  ])('presents %s', async (_what, present) => {
    const { body } = await present(t.api.post(path).type('form')).expect(401);
    expect(body.error).toBe('invalid_client');
  });

  it.each([
    'Basic',
    'Basic ',
    'Basic !!!!',
    'Basic bm9jb2xvbg==',
    'Basic /////w==',
    `Basic ${Buffer.from('%zz:%zz').toString('base64')}`,
    'Bearer xyzzy',
    'Digest username="x"',
    'xyzzy',
  ])('presents the header %s', async (authorization) => {
    const { body, text } = await t.api.post(path).set({ authorization }).type('form').send(grant).expect(401);
    expect(body.error).toBe('invalid_client');
    expect(text).not.toContain('xyzzy');
  });

  it('takes about as long for an unknown client as for a wrong secret', async () => {
    const timed = async (id: string) => {
      const started = performance.now();
      await byBasic(id, 'cs_wrong').expect(401);
      return performance.now() - started;
    };
    await timed(t.north.clientId);
    const known: number[] = [];
    const unknown: number[] = [];
    for (let i = 0; i < 25; i++) {
      known.push(await timed(t.north.clientId));
      unknown.push(await timed(`cl_0000000000000000000${i % 10}`));
    }
    // Other work of the machine only adds to a time. A slow look-up or a hash of a password on one side alone is far more.
    expect(Math.abs(Math.min(...unknown) - Math.min(...known))).toBeLessThan(5);
  });
});

it('all credentials of a disabled partner stop at once, and work again when it is enabled', async () => {
  const call = () =>
    t.api.post('/oauth/token').auth(t.south.clientId, t.south.clientSecret).type('form').send(grant);
  await call().expect(200);
  await t.admin.patch('/admin/partners/south').send({ disabled: true }).expect(200);
  await call().expect(401);
  await t.admin.patch('/admin/partners/south').send({ disabled: false }).expect(200);
  await call().expect(200);
});

it('a refusal is in the audit trail without the secret', async () => {
  const { headers } = await t.api
    .post('/oauth/token')
    .auth(t.north.clientId, 'cs_xyzzy')
    .type('form')
    .send(grant)
    .expect(401);
  const { body } = await t.admin.get(`/admin/audit?request_id=${headers['x-request-id']}`).expect(200);
  expect(body.items).toMatchObject([
    { event: 'access_token.issued', outcome: 'refused', reason: 'invalid_client', address: '127.0.0.1' },
  ]);
  expect(JSON.stringify([body, t.logs()])).not.toContain('xyzzy');
});
