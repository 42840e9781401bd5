import { afterEach, describe, expect, it } from 'vitest';
import { SHOP_ORIGIN, startService, type TestService } from '../support/service.ts';

let t: TestService;
afterEach(() => t.dispose());

const renew = (cookie: string) =>
  t.api.post('/customer_session/token').set({ cookie, 'x-symbolon-csrf': '1', origin: SHOP_ORIGIN });

describe('renewal from a session', () => {
  it('is limited per session, and a page of an allowed origin may read why', async () => {
    t = await startService({
      settings: (all) => ({ ...all, limits: { defaults: { session: 'production' } } }),
    });
    const [mira, noor] = [await t.signInWithCookie('mira'), await t.signInWithCookie('noor')];
    for (let i = 0; i < 60; i++) await renew(mira).expect(200);
    const { body, headers } = await renew(mira).expect(429);
    expect(body.error).toMatchObject({
      code: 'RATE_LIMITED',
      retry_after: 60,
      details: { policy: 'session-minute', quota: 60, window_seconds: 60 },
    });
    expect(headers['access-control-expose-headers']).toMatch(/ratelimit.*retry-after/);
    const { headers: others } = await renew(noor).expect(200);
    expect(others['ratelimit']).toBe('"session-minute";r=59;t=60');
    t.clock.advance(60_000);
    await renew(mira).expect(200);
  });
});

describe('a session', () => {
  it('has one limit, whichever of its endpoints is called', async () => {
    t = await startService({
      settings: (all) => ({ ...all, limits: { defaults: { session: 'production' } } }),
    });
    const mira = await t.signInWithCookie('mira');
    for (let i = 0; i < 59; i++) await renew(mira).expect(200);
    const { headers } = await t.api
      .get('/customer_session/devices')
      .set({ cookie: mira, origin: SHOP_ORIGIN })
      .expect(200);
    expect(headers['ratelimit']).toBe('"session-minute";r=0;t=60');
    await renew(mira).expect(429);
  });
});

describe('sign-in', () => {
  it('is limited per address whatever its outcome, beside the throttle of failures', async () => {
    t = await startService({
      settings: (all) => ({
        ...all,
        limits: { tiers: { few: [{ quota: 3, window_seconds: 60 }] }, defaults: { address: 'few' } },
      }),
    });
    for (let i = 0; i < 3; i++) await t.signIn();
    const { body } = await t.api
      .post('/customer_authenticate')
      .send({ username: 'mira', password: 'whatever', channel: 'ios' })
      .expect(429);
    expect(body.error.details).toEqual({ policy: 'address-minute', quota: 3, window_seconds: 60 });
  });

  it('names the limit of the throttle and its end in the headers too', async () => {
    t = await startService({ settings: (all) => ({ ...all, sign_in: { max_failures_per_account: 2 } }) });
    const guess = () =>
      t.api.post('/customer_authenticate').send({ username: 'mira', password: 'guess', channel: 'ios' });
    for (let i = 0; i < 2; i++) await guess().expect(401);
    const { body, headers } = await guess().expect(429);
    expect(body.error.details).toEqual({ policy: 'sign-in-account', quota: 2, window_seconds: 900 });
    expect(headers['ratelimit-policy']).toBe('"sign-in-account";q=2;w=900');
    expect(headers['ratelimit']).toBe(`"sign-in-account";r=0;t=${headers['retry-after']}`);
  });
});
