import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { backendCredentials } from '../support/backend.ts';
import { startService, type TestService } from '../support/service.ts';

let t: TestService;
let mira: { JWT: string; customer_id: string };
let asapp: Record<string, string>;
beforeAll(async () => {
  t = await startService();
  mira = await t.signIn();
  asapp = await t.asappStyle();
});
beforeEach(() => {
  for (const backend of [t.crm, t.billing]) backend.requests.length = 0;
});
afterAll(() => t.dispose());

const balance = { amount: 12.5, currency: 'EUR' };
const lines = [{ number: '+15550100' }, { number: '+15550101' }];
const whole = () => ({
  customer_id: mira.customer_id,
  profile: { plan: 'gold', balance, lines },
  sources: { crm: 'ok', billing: 'ok' },
});
const proof = () => ({ 'customer-auth': `JWT ${mira.JWT}` });
const keyStyle = () => ({ authorization: `Bearer ${t.north.key.secret}` });
const ask = (headers: Record<string, string>) => t.api.post('/getprofile').set(headers);

describe('who asks', () => {
  it('in ASAPP style: an access token and the key of the same partner, and no body at all', async () => {
    const { body } = await ask({ ...asapp, ...proof() }).expect(200);
    expect(body).toEqual(whole());
  });

  it('in ASAPP style with the other name of the key header', async () => {
    const { 'api-key': key = '', ...rest } = asapp;
    await ask({ ...rest, ...proof(), 'X-API-Key': key }).expect(200);
  });

  it('in bearer-key style: the secret of a key alone', async () => {
    const { body } = await ask({ ...keyStyle(), ...proof() }).expect(200);
    expect(body).toEqual(whole());
  });

  it('in both at once, when both are of one partner', async () => {
    await ask({ ...keyStyle(), ...proof(), 'api-key': t.north.key.publicId }).expect(200);
  });

  it('with any case of the schemes', async () => {
    const authorization = `bEARER ${t.north.key.secret}`;
    await ask({ authorization, 'customer-auth': `jwt ${mira.JWT}` }).expect(200);
  });
});

describe('the customer proof', () => {
  it('may be a body field', async () => {
    for (const customer_auth of [mira.JWT, `JWT ${mira.JWT}`]) {
      const { body } = await ask(asapp).send({ customer_auth }).expect(200);
      expect(body.customer_id).toBe(mira.customer_id);
    }
  });

  it("may be a session cookie passed through, as the browser's header or its value alone", async () => {
    const cookie = await t.signInWithCookie();
    const value = cookie.slice(cookie.indexOf('=') + 1);
    for (const text of [cookie, `theme=dark; ${cookie}; lang=en`, value, decodeURIComponent(value)]) {
      const { body } = await ask({ ...asapp, 'customer-auth': `Cookie ${text}` }).expect(200);
      expect(body.customer_id).toBe(mira.customer_id);
    }
  });

  it('is good to the last second of its life', async () => {
    const { JWT } = await t.signIn('app');
    t.clock.advance(59_000);
    await ask({ ...keyStyle(), 'customer-auth': `JWT ${JWT}` }).expect(200);
  });
});

describe('the answer', () => {
  const fieldsOf = async (fields: unknown) => {
    const call = ask({ ...keyStyle(), ...proof() });
    return (await call.send({ fields, more: 1, __proto: {} }).expect(200)).body;
  };

  it('is narrowed to the fields asked for, and only the backends that have them are asked', async () => {
    expect(await fieldsOf(['plan'])).toEqual({
      customer_id: mira.customer_id,
      profile: { plan: 'gold' },
      sources: { crm: 'ok' },
    });
    expect(t.crm.requests).toHaveLength(1);
    expect(t.billing.requests).toHaveLength(0);
    expect((await fieldsOf(['lines', 'lines', 'balance'])).profile).toEqual({ balance, lines });
  });

  it('holds nothing that was not mapped, allowed and asked for', async () => {
    const wanted = ['internal_note', 'customer', 'unmapped', '__proto__', 'constructor', 'toString', ''];
    expect(await fieldsOf(wanted)).toEqual({ customer_id: mira.customer_id, profile: {}, sources: {} });
    expect(await fieldsOf([])).toEqual({ customer_id: mira.customer_id, profile: {}, sources: {} });
    expect(t.crm.requests).toHaveLength(0);
  });

  it('gives another partner its own fields alone', async () => {
    const { JWT, customer_id } = await t.signIn('south');
    const headers = { authorization: `Bearer ${t.south.key.secret}`, 'customer-auth': `JWT ${JWT}` };
    const { body } = await ask(headers).expect(200);
    expect(body).toEqual({ customer_id, profile: { plan: 'gold' }, sources: { crm: 'ok' } });
    const narrowed = await ask(headers)
      .send({ fields: ['balance', 'plan'] })
      .expect(200);
    expect(narrowed.body.profile).toEqual({ plan: 'gold' });
  });

  it('ignores prototype names in the body', async () => {
    const call = ask({ ...keyStyle(), ...proof() }).set('content-type', 'application/json');
    const { body } = await call
      .send('{"__proto__":{"fields":["plan"]},"constructor":{"prototype":1}}')
      .expect(200);
    expect(body).toEqual(whole());
    expect({}).not.toHaveProperty('fields');
  });

  it('changes with the visible fields of the partner at once', async () => {
    await t.admin
      .patch('/admin/partners/north')
      .send({ visible_fields: ['plan'] })
      .expect(200);
    expect((await ask({ ...asapp, ...proof() }).expect(200)).body.profile).toEqual({ plan: 'gold' });
    const visible_fields = ['plan', 'balance', 'lines', 'unmapped'];
    await t.admin.patch('/admin/partners/north').send({ visible_fields }).expect(200);
    expect((await ask({ ...asapp, ...proof() }).expect(200)).body).toEqual(whole());
  });
});

describe('towards a backend', () => {
  it('goes our own credentials, the identifier, a trace and the request id, and nothing of the partner', async () => {
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const { headers } = await ask({
      ...asapp,
      ...proof(),
      traceparent,
      cookie: 'secret=of-the-partner',
      'x-partner': 'xyzzy',
      'user-agent': 'xyzzy/1',
      'x-forwarded-for': '203.0.113.1',
    }).expect(200);
    const [request] = t.crm.requests;
    expect(request?.headers).toMatchObject({
      'x-customer': mira.customer_id,
      [backendCredentials.apiKeyHeader]: backendCredentials.apiKey,
      'x-request-id': headers['x-request-id'],
    });
    expect(request?.headers['authorization']).toMatch(/^Bearer backend-token-/);
    expect(request?.headers['traceparent']).toMatch(
      /^00-4bf92f3577b34da6a3ce929d0e0e4736-(?!00f067aa0ba902b7)[0-9a-f]{16}-01$/,
    );
    const sent = JSON.stringify(request);
    for (const secret of ['xyzzy', 'of-the-partner', '203.0.113.1', mira.JWT, asapp['api-key'] as string]) {
      expect(sent).not.toContain(secret);
    }
  });

  it('a malformed trace is replaced, not forwarded', async () => {
    await ask({ ...asapp, ...proof(), traceparent: '00-xyzzy-01' }).expect(200);
    expect(t.crm.requests[0]?.headers['traceparent']).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/);
  });

  it('one token serves many askers at once', async () => {
    const fetched = t.crm.tokenRequests.length;
    t.crm.revokeTokens();
    await Promise.all(Array.from({ length: 10 }, () => ask({ ...asapp, ...proof() }).expect(200)));
    expect(t.crm.tokenRequests.length - fetched).toBe(1);
  });
});

it('parallel questions about two customers are never mixed up', async () => {
  const noor = await t.signIn('ios', 'noor');
  await Promise.all(
    Array.from({ length: 30 }, async (_, i) => {
      const who = i % 2 === 0 ? mira : noor;
      const { body } = await ask({ ...asapp, 'customer-auth': `JWT ${who.JWT}` }).expect(200);
      expect(body.customer_id).toBe(who.customer_id);
    }),
  );
});

it('each read is in the audit trail with partner, key and customer, but none of the answer', async () => {
  const { headers } = await ask({ ...asapp, ...proof() }).expect(200);
  const { body } = await t.admin.get(`/admin/audit?request_id=${headers['x-request-id']}`).expect(200);
  expect(body.items).toMatchObject([
    {
      event: 'profile.read',
      outcome: 'success',
      partner: 'north',
      client_id: t.north.clientId,
      key_prefix: t.north.key.publicId.slice(0, 14),
      customer_id: mira.customer_id,
      address: '127.0.0.1',
    },
  ]);
  // Random text may hold any digits.
  const written = JSON.stringify([body, t.logs()], (name, value: unknown) =>
    ['request_id', 'hash', 'chain'].includes(name) ? undefined : value,
  );
  expect(written).toContain(mira.customer_id);
  expect(written).not.toMatch(/\bgold\b|15550100|eyJ[\w-]+\.|\b4711\b/);
});
