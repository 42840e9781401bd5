import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startService, type TestService } from '../support/service.ts';

/** Channel group north, each stage on a channel of its own. */
const STAGES = ['accept', 'warn', 'enforce'] as const;

let t: TestService;
let style: Record<string, string>;
beforeAll(async () => {
  t = await startService({
    settings: (all) => ({
      ...all,
      channels: [
        ...(all.channels ?? []),
        ...STAGES.map((enforcement) => ({
          id: enforcement,
          group: 'north',
          delivery: 'token' as const,
          enforcement,
        })),
        { id: 'south-accept', group: 'south', delivery: 'token' as const, enforcement: 'accept' as const },
      ],
    }),
  });
  style = await t.asappStyle();
});
afterAll(() => t.dispose());

const profile = (headers: Record<string, string>, body: object = {}) =>
  t.api
    .post('/getprofile')
    .set({ ...style, ...headers })
    .send(body);
const withToken = (token: string) => profile({ 'customer-auth': `JWT ${token}` });
const named = (customer_id: string, channel: string) => profile({}, { customer_id, channel });

interface Count {
  channel: string;
  proof: string;
  outcome: string;
  calls: number;
}
const counts = async (channel: string): Promise<Record<string, number>> => {
  const { body } = await t.admin.get('/admin/channel-calls?days=1').expect(200);
  return Object.fromEntries(
    (body as { items: Count[] }).items
      .filter((one) => one.channel === channel)
      .map((one) => [`${one.proof} ${one.outcome}`, one.calls]),
  );
};
/** A token of the channel that ran out a minute ago. */
async function expired(channel: string): Promise<{ JWT: string; customer_id: string }> {
  const signedIn = await t.signIn(channel);
  t.clock.advance(960_000);
  style = await t.asappStyle();
  return signedIn;
}
function altered(token: string): string {
  const [header = '', claims = '', signature = ''] = token.split('.');
  const changed = JSON.parse(Buffer.from(claims, 'base64url').toString()) as Record<string, unknown>;
  changed['sub'] = 'c1zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz';
  return [header, Buffer.from(JSON.stringify(changed)).toString('base64url'), signature].join('.');
}

describe('a channel that says nothing about enforcement', () => {
  it('refuses what it always refused', async () => {
    const { JWT, customer_id } = await expired('ios');
    expect((await withToken(JWT).expect(401)).body).toMatchObject({
      error: { code: 'CUSTOMER_TOKEN_EXPIRED' },
    });
    expect((await named(customer_id, 'ios').expect(401)).body).toMatchObject({
      error: { code: 'INVALID_CUSTOMER_TOKEN' },
    });
    expect(await counts('ios')).toMatchObject({ 'expired refused': 1, 'unsigned refused': 1 });
  });

  it('answers a sound proof, without a warning, and counts it', async () => {
    const { JWT } = await t.signIn('ios');
    const answer = await withToken(JWT).expect(200);
    expect(answer.headers).not.toHaveProperty('symbolon-warning');
    expect(await counts('ios')).toMatchObject({ 'proven admitted': 1 });
  });
});

describe.each(['accept', 'warn'] as const)('a channel at %s', (stage) => {
  const warnings = stage === 'warn';

  it(`answers an expired proof${warnings ? ', warns and records it' : ', and only counts it'}`, async () => {
    const { JWT, customer_id } = await expired(stage);
    const answer = await withToken(JWT).expect(200);
    expect(answer.body).toMatchObject({ customer_id });
    expect(answer.headers['symbolon-warning']).toBe(warnings ? 'customer-proof;expired' : undefined);
    expect((await counts(stage))['expired admitted']).toBe(1);
    const { body } = await t.admin.get('/admin/audit?event=profile.unproven_call&limit=10').expect(200);
    const entries = (body as { items: { channel: string; reason: string }[] }).items;
    expect(entries.some((one) => one.channel === stage && one.reason === 'expired')).toBe(warnings);
  });

  it(`answers a customer who is only named${warnings ? ', with a warning' : ''}`, async () => {
    const { customer_id } = await t.signIn(stage);
    const answer = await named(customer_id, stage).expect(200);
    expect(answer.body).toMatchObject({ customer_id, profile: { plan: 'gold' } });
    expect(answer.headers['symbolon-warning']).toBe(warnings ? 'customer-proof;unsigned' : undefined);
  });

  it('refuses an altered proof, and counts it', async () => {
    const { JWT } = await t.signIn(stage);
    await withToken(altered(JWT)).expect(401);
    expect((await counts(stage))['altered refused']).toBe(1);
  });

  it('refuses a proof that ended more than a day ago', async () => {
    const { JWT } = await t.signIn(stage);
    t.clock.advance(900_000 + 86_401_000);
    style = await t.asappStyle();
    await withToken(JWT).expect(401);
  });

  it('refuses whoever was signed out everywhere, with an old proof', async () => {
    const { JWT, customer_id } = await t.signIn(stage, 'noor');
    t.clock.advance(1_000);
    await t.admin
      .post(`/admin/customers/${customer_id}/end-sessions`)
      .send({ reason: 'lost phone' })
      .expect(200);
    t.clock.advance(960_000);
    style = await t.asappStyle();
    await withToken(JWT).expect(401);
  });

  it('refuses a customer who is disabled, by name and by an old proof', async () => {
    const { JWT, customer_id } = await t.signIn(stage, 'noor');
    t.clock.advance(960_000);
    style = await t.asappStyle();
    const path = `/admin/customers/${customer_id}`;
    await t.admin.post(`${path}/disable`).send({ reason: 'fraud 17' }).expect(200);
    await withToken(JWT).expect(401);
    await named(customer_id, stage).expect(401);
    await t.admin.post(`${path}/enable`).send({ reason: 'fraud 17' }).expect(200);
    t.clock.advance(1_000);
    // Enabling brings nothing back: the customer has to sign in again.
    await named(customer_id, stage).expect(401);
    await t.signIn(stage, 'noor');
    await named(customer_id, stage).expect(200);
  });

  it("refuses another partner's customer, and one of another group, as if there were none", async () => {
    const { customer_id } = await t.signIn('south');
    for (const channel of [stage, 'south', 'south-accept', 'web']) {
      const { body } = await named(customer_id, channel).expect(401);
      expect(body).toMatchObject({ error: { code: 'INVALID_CUSTOMER_TOKEN' } });
    }
    expect(await counts('south-accept')).toEqual({});
  });

  it('refuses two proofs at once, a proof of no known kind, and a name beside a bad proof', async () => {
    const { JWT, customer_id } = await t.signIn(stage);
    const name = { customer_id, channel: stage };
    await profile({ 'customer-auth': `JWT ${JWT}` }, { customer_auth: JWT }).expect(401);
    await profile({ 'customer-auth': `Bearer ${JWT}` }, name).expect(401);
    await profile({ 'customer-auth': `JWT ${altered(JWT)}` }, name).expect(401);
    await profile({ 'customer-auth': `JWT not-a-token` }, name).expect(401);
  });

  it('asks the partner for all of its own credentials, as ever', async () => {
    const { customer_id } = await t.signIn(stage);
    await t.api.post('/getprofile').send({ customer_id, channel: stage }).expect(401);
    await t.api
      .post('/getprofile')
      .set({ 'api-key': t.north.key.publicId })
      .send({ customer_id, channel: stage })
      .expect(401);
  });
});

it('counts survive a restart of the counting: they are added to the store, not kept', async () => {
  const before = (await counts('ios'))['proven admitted'] ?? 0;
  const { JWT } = await t.signIn('ios');
  for (let i = 0; i < 5; i++) await withToken(JWT).expect(200);
  expect((await counts('ios'))['proven admitted']).toBe(before + 5);
  const metrics = await t.ops.get('/metrics').expect(200);
  expect(metrics.text).toContain(
    'symbolon_channel_calls_total{channel="ios",proof="proven",outcome="admitted"}',
  );
});
