import { afterEach, describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../src/config/config.ts';
import { startService, type TestKey, type TestPartner, type TestService } from '../support/service.ts';
import { seconds, v1Headers, v2Headers } from './signing.ts';

let t: TestService;
afterEach(() => t.dispose());

const start = (limits: ConfigInput['limits'] = {}, http: Record<string, unknown> = {}) =>
  startService({ settings: (all) => ({ ...all, limits, http: { ...all.http, ...http } }) });

/** The whole call of a partner that presents a key's secret. */
async function caller(key: TestKey = t.north.key) {
  const { JWT } = await t.signIn();
  return (more: Record<string, string> = {}) =>
    t.api
      .post('/getprofile')
      .set({ authorization: `Bearer ${key.secret}`, 'customer-auth': `JWT ${JWT}`, ...more });
}

const keyTier = (key: TestKey, tier: string | null) =>
  t.admin.put(`/admin/limits/keys/${key.keyId}`).send({ tier }).expect(200);
const partnerTier = (partner: TestPartner, tier: string) =>
  t.admin.patch(`/admin/partners/${partner.id}`).send({ tier }).expect(200);

describe('a key on a small tier', () => {
  it('gets its quota, then 429 in the envelope with an honest time to wait', async () => {
    t = await start();
    await keyTier(t.north.key, 'development');
    const ask = await caller();
    for (let i = 0; i < 10; i++) await ask().expect(200);
    t.clock.advance(20_500);
    const { body, headers } = await ask().expect(429);
    expect(body).toEqual({
      success: false,
      error: {
        code: 'RATE_LIMITED',
        message: expect.any(String),
        details: { policy: 'key-minute', quota: 10, window_seconds: 60 },
        retry_after: 40,
        request_id: headers['x-request-id'],
      },
    });
    expect(headers['retry-after']).toBe('40');
    t.clock.advance(39_000);
    await ask().expect(429);
    t.clock.advance(1_000);
    await ask().expect(200);
  });

  it('is told where its limits stand, on every answer', async () => {
    t = await start();
    await keyTier(t.north.key, 'messaging');
    const ask = await caller();
    const { headers } = await ask().expect(200);
    expect(headers['ratelimit-policy']).toBe(
      '"key-second";q=80;w=1, "key-day";q=10000;w=86400, "partner-second";q=100000;w=1',
    );
    expect(headers['ratelimit']).toBe(
      '"key-second";r=79;t=1, "key-day";r=9999;t=86400, "partner-second";r=99999;t=1',
    );
    await keyTier(t.north.key, 'development');
    for (let i = 0; i < 10; i++) await ask({ 'customer-auth': 'JWT none' }).expect(401);
    const refused = await ask().expect(429);
    expect(refused.headers['ratelimit']).toBe('"key-minute";r=0;t=60, "partner-second";r=99989;t=1');
  });

  it('uses no signature up that it refuses: the same request passes when its time has come', async () => {
    t = await start();
    const key = await t.createKey(t.north, { use: 'signing' });
    await keyTier(key, 'development');
    const { JWT } = await t.signIn();
    const ask = (headers: Record<string, string>) =>
      t.api.post('/getprofile').set({ ...headers, 'customer-auth': `JWT ${JWT}` });
    const v1 = (offset: number) => v1Headers(t, key, '', seconds(t) + offset);
    for (let i = 0; i < 10; i++) await ask(v1(-i)).expect(200);
    const signed = [v1(10), v2Headers(t, key, { createdSeconds: seconds(t) + 30 })];
    for (const headers of signed) await ask(headers).expect(429);
    t.clock.advance(60_000);
    for (const headers of signed) await ask(headers).expect(200);
    for (const headers of signed) await ask(headers).expect(401);
  });

  it('takes nothing from other keys of the partner', async () => {
    t = await start();
    const other = await t.createKey(t.north);
    await keyTier(t.north.key, 'development');
    const [tight, wide] = [await caller(), await caller(other)];
    for (let i = 0; i < 12; i++) await tight();
    expect((await tight()).status).toBe(429);
    expect((await wide()).status).toBe(200);
  });

  it('loses the tier again by null, at once', async () => {
    t = await start();
    await keyTier(t.north.key, 'development');
    const ask = await caller();
    for (let i = 0; i < 10; i++) await ask().expect(200);
    await ask().expect(429);
    await keyTier(t.north.key, null);
    expect((await ask()).status).toBe(200);
  });

  it('lets exactly one of many parallel callers have the last unit, and asks the backend for that one alone', async () => {
    t = await start();
    await keyTier(t.north.key, 'development');
    const ask = await caller();
    for (let i = 0; i < 9; i++) await ask().expect(200);
    const before = t.crm.requests.length;
    const answers = await Promise.all(Array.from({ length: 100 }, () => ask()));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(99);
    expect(t.crm.requests.length - before).toBe(1);
  });
});

describe('a partner on a small tier', () => {
  it('shares it among all of its credentials; other partners go on', async () => {
    t = await start();
    const other = await t.createKey(t.north);
    await partnerTier(t.north, 'development');
    const [one, two] = [await caller(), await caller(other)];
    for (let i = 0; i < 5; i++) {
      await one().expect(200);
      await two().expect(200);
    }
    for (const ask of [one, two]) {
      const { body } = await ask().expect(429);
      expect(body.error.details.policy).toBe('partner-minute');
    }
    const { JWT } = await t.signIn('south');
    const south = { authorization: `Bearer ${t.south.key.secret}`, 'customer-auth': `JWT ${JWT}` };
    await t.api.post('/getprofile').set(south).expect(200);
  });

  it('cannot be made to lose it by whoever knows a public key id', async () => {
    t = await start();
    await partnerTier(t.north, 'development');
    for (let i = 0; i < 30; i++) {
      await t.api.get('/whoami').set('api-key', t.north.key.publicId);
      await t.api.post('/getprofile').set('api-key', t.north.key.publicId).expect(401);
    }
    const ask = await caller();
    expect((await ask()).headers['ratelimit']).toContain('"partner-minute";r=9');
  });

  it('can be told an unknown tier neither by itself nor for a key', async () => {
    t = await start();
    const wrong = await t.admin.patch('/admin/partners/north').send({ tier: 'golden' }).expect(400);
    expect(wrong.body.error.message).toContain('messaging-new');
    await t.admin.put(`/admin/limits/keys/${t.north.key.keyId}`).send({ tier: 'golden' }).expect(400);
    await t.admin.put('/admin/limits/keys/ak_nobody').send({ tier: 'staging' }).expect(404);
    await t.admin.put('/admin/limits/clients/cl_nobody').send({ tier: 'staging' }).expect(404);
  });
});

describe('tiers and defaults', () => {
  it('come from the configuration', async () => {
    t = await start({
      tiers: { trickle: [{ quota: 2, window_seconds: 5 }] },
      defaults: { api_key: 'trickle' },
    });
    const ask = await caller();
    for (let i = 0; i < 2; i++) await ask().expect(200);
    const { body } = await ask().expect(429);
    expect(body.error.details).toEqual({ policy: 'key-5s', quota: 2, window_seconds: 5 });
    const { body: tiers } = await t.admin.get('/admin/limits/tiers').expect(200);
    expect(tiers.defaults.api_key).toBe('trickle');
    expect(tiers.items).toContainEqual({ name: 'trickle', windows: [{ quota: 2, window_seconds: 5 }] });
    expect(tiers.items).toContainEqual({ name: 'unlimited', windows: [] });
  });

  it('do not slow an honest busy partner: 300 requests in one moment pass', async () => {
    t = await start();
    const ask = await caller();
    for (let i = 0; i < 6; i++) {
      const answers = await Promise.all(Array.from({ length: 50 }, () => ask()));
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    }
  });

  it('can bound the service as a whole', async () => {
    t = await start({ tiers: { all: [{ quota: 3, window_seconds: 60 }] }, defaults: { service: 'all' } });
    const ask = await caller();
    const answers = [await ask(), await ask(), await ask()];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 429]);
    expect(answers[0]?.headers['ratelimit']).not.toContain('service');
    expect(answers[2]?.body.error.details.policy).toBe('service-minute');
  });
});

describe('failed authentications', () => {
  const failures = { max_per_address: 4, window_seconds: 60 };
  const guess = (more: Record<string, string> = {}) =>
    t.api.post('/getprofile').set({ authorization: `Bearer sk_live_${'x'.repeat(49)}`, ...more });

  it('count against the address before the key is known; then the right key learns nothing either', async () => {
    t = await start({ failures });
    const ask = await caller();
    for (let i = 0; i < 4; i++) await guess().expect(401);
    const wrong = await guess().expect(429);
    const right = await ask().expect(429);
    expect(right.body.error.details).toEqual({ policy: 'failures-minute', quota: 4, window_seconds: 60 });
    expect(right.body.error.message).toBe(wrong.body.error.message);
    expect(Number(right.headers['retry-after'])).toBe(60);
    t.clock.advance(60_000);
    await ask().expect(200);
  });

  it('are copies of a used signature too, so that sending them does not go on for ever', async () => {
    t = await start({ failures });
    const headers = v1Headers(t, await t.createKey(t.north, { use: 'signing' }));
    const { JWT } = await t.signIn();
    const ask = () => t.api.post('/getprofile').set({ ...headers, 'customer-auth': `JWT ${JWT}` });
    await ask().expect(200);
    for (let i = 0; i < 4; i++) await ask().expect(401);
    await ask().expect(429);
  });

  it('in parallel get no more tries than in sequence', async () => {
    t = await start({ failures });
    const answers = await Promise.all(Array.from({ length: 40 }, () => guess()));
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(4);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(36);
  });

  it('of every kind count together: tokens, keys, client secrets', async () => {
    t = await start({ failures });
    await guess().expect(401);
    await guess({ authorization: 'Bearer not.a.token' }).expect(401);
    await t.api.get('/whoami').set('api-key', 'pk_live_nothing').expect(401);
    await t.api
      .post('/oauth/token')
      .auth(t.north.clientId, 'cs_wrong')
      .type('form')
      .send({ grant_type: 'client_credentials' })
      .expect(401);
    expect((await guess()).status).toBe(429);
  });

  it('of one address leave others alone, whose address a trusted proxy vouches for; a /64 is one address', async () => {
    t = await start({ failures }, { trusted_proxies: ['127.0.0.1'] });
    const ask = await caller();
    const from = (address: string) => ({ 'x-forwarded-for': address });
    for (let i = 0; i < 4; i++) await guess(from(`2001:db8:1:2::${i + 1}`)).expect(401);
    await ask(from('2001:db8:1:2:ffff::1')).expect(429);
    expect((await ask(from('2001:db8:1:3::1'))).status).toBe(200);
    expect((await ask(from('192.0.2.7'))).status).toBe(200);
  });

  it('are none of an honest partner whose customer proof is wrong', async () => {
    t = await start({ failures });
    const ask = await caller();
    for (let i = 0; i < 20; i++) await ask({ 'customer-auth': 'JWT stale' }).expect(401);
    expect((await ask()).status).toBe(200);
  });
});
