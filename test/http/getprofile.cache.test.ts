import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startService, type TestPartner, type TestService } from '../support/service.ts';

let t: TestService;
beforeEach(async () => {
  t = await startService({
    settings: (all) => ({
      ...all,
      backends: (all.backends ?? []).map((one) =>
        one.name === 'crm' ? { ...one, cache_seconds: 30, stale_if_error_seconds: 600 } : one,
      ),
    }),
  });
});
afterEach(() => t.dispose());

const ask = (proof: string, partner: TestPartner = t.north) =>
  t.api.post('/getprofile').set({ authorization: `Bearer ${partner.key.secret}`, 'customer-auth': proof });
const jwt = async (channel?: string, username?: string) => `JWT ${(await t.signIn(channel, username)).JWT}`;

describe('a backend that may be remembered', () => {
  it('is asked once by 200 callers at once, and not again until its time is over', async () => {
    const proof = await jwt();
    const all = await Promise.all(Array.from({ length: 200 }, () => ask(proof).expect(200)));
    expect(new Set(all.map(({ text }) => text)).size).toBe(1);
    expect(t.crm.requests).toHaveLength(1);
    expect(t.billing.requests).toHaveLength(200);
    t.clock.advance(29_000);
    const { body, headers } = await ask(proof).expect(200);
    expect(body.profile).toMatchObject({ plan: 'gold' });
    expect(body.sources).toEqual({ crm: 'ok', billing: 'ok' });
    expect(headers['age']).toBe('29');
    expect(headers['symbolon-warning']).toBeUndefined();
    t.clock.advance(1_000);
    expect((await ask(proof).expect(200)).headers['age']).toBeUndefined();
    expect(t.crm.requests).toHaveLength(2);
  });

  it('never gives one partner or customer what was asked for another', async () => {
    const [mira, noor, south] = [await jwt(), await jwt('ios', 'noor'), await jwt('south')];
    await ask(mira).expect(200);
    const { body } = await ask(south, t.south).expect(200);
    expect(body.profile).toEqual({ plan: 'gold' });
    expect((await ask(noor).expect(200)).headers['age']).toBeUndefined();
    expect(t.crm.requests).toHaveLength(3);
    await t.admin.patch('/admin/partners/south').send({ visible_fields: ['plan', 'balance'] });
    expect((await ask(south, t.south).expect(200)).body.profile).toHaveProperty('balance');
    await t.admin.patch('/admin/partners/south').send({ visible_fields: ['plan'] });
    expect((await ask(south, t.south).expect(200)).body.profile).toEqual({ plan: 'gold' });
  });

  it('stands in while it fails, marked in a header, and the audit trail says so', async () => {
    const proof = await jwt();
    await ask(proof).expect(200);
    t.crm.mode = 'failing';
    t.clock.advance(31_000);
    const { body, headers } = await ask(proof).expect(200);
    expect(body).toMatchObject({ profile: { plan: 'gold' }, sources: { crm: 'ok', billing: 'ok' } });
    expect(headers).toMatchObject({ age: '31', 'symbolon-warning': 'profile;stale;source="crm"' });
    const audit = await t.admin.get(`/admin/audit?request_id=${headers['x-request-id']}`).expect(200);
    expect(audit.body.items[0].details).toMatchObject({
      crm: 'ok',
      'crm:reason': 'status_500',
      remembered: 31,
      stale: 1,
    });
    t.clock.advance(600_000);
    const late = await ask(await jwt()).expect(200);
    expect(late.body.sources).toEqual({ crm: expect.not.stringMatching('ok'), billing: 'ok' });
    expect(late.body.profile).not.toHaveProperty('plan');
  });

  it.each<[string, (customerId: string) => Promise<unknown>]>([
    [
      'signs out of a session',
      async () => {
        const cookie = await t.signInWithCookie();
        const call = t.api.delete('/customer_session').set({ cookie, 'x-symbolon-csrf': '1' });
        await call.set('origin', 'https://id.test').expect(204);
      },
    ],
    [
      'is signed out everywhere',
      (customerId) =>
        t.admin.post(`/admin/customers/${customerId}/end-sessions`).send({ reason: 'asked for' }).expect(200),
    ],
  ])('forgets a customer who %s', async (_what, end) => {
    const { JWT, customer_id } = await t.signIn();
    await ask(`JWT ${JWT}`).expect(200);
    await end(customer_id);
    t.clock.advance(1_000);
    const { headers } = await ask(await jwt()).expect(200);
    expect(headers['age']).toBeUndefined();
    expect(t.crm.requests).toHaveLength(2);
  });
});

it('a backend is asked each time unless its configuration says otherwise', async () => {
  const proof = await jwt();
  await ask(proof).expect(200);
  await ask(proof).expect(200);
  expect(t.billing.requests).toHaveLength(2);
});
