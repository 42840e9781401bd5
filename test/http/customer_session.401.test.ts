import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { COOKIE_NAME, PASSWORD, SHOP_ORIGIN, startService, type TestService } from '../support/service.ts';

let t: TestService;
beforeEach(async () => {
  t = await startService();
});
afterEach(() => t.dispose());

const page = { origin: SHOP_ORIGIN, 'x-symbolon-csrf': '1' };
const whoAmI = (cookie: string) => t.api.get('/customer_session').set({ cookie });
const renew = (cookie: string) => t.api.post('/customer_session/token').set({ ...page, cookie });

async function expectNobody(cookie: string) {
  const { body, headers } = await whoAmI(cookie).expect(401);
  expect(body.error.code).toBe('NOT_SIGNED_IN');
  expect(headers['www-authenticate']).toBe('Symbolon realm="customer"');
  expect(headers).not.toHaveProperty('set-cookie');
  await renew(cookie).expect(401);
}

describe('nobody is signed in', () => {
  it('without a cookie', async () => {
    await t.api.get('/customer_session').expect(401);
    await t.api.post('/customer_session/token').set(page).expect(401);
  });

  it('with a cookie that is not exactly one of ours', async () => {
    const genuine = await t.signInWithCookie();
    const value = decodeURIComponent(genuine.slice(COOKIE_NAME.length + 1));
    const id = value.slice(2, value.lastIndexOf('.'));
    for (const bad of [
      `${COOKIE_NAME}=`,
      `${COOKIE_NAME}=s%3A`,
      `${COOKIE_NAME}=${id}`,
      `${COOKIE_NAME}=s%3A${id}`,
      `${COOKIE_NAME}=s%3A${id}.`,
      `${COOKIE_NAME}=s%3A${id}.${'A'.repeat(43)}`,
      `${COOKIE_NAME}=s%3A${'A'.repeat(id.length)}.${encodeURIComponent(value.slice(value.lastIndexOf('.') + 1))}`,
      `${genuine}x`,
      genuine.replace(COOKIE_NAME, 'symbolon'),
      genuine.replace(COOKIE_NAME, 'connect.sid'),
      genuine.replace(COOKIE_NAME, COOKIE_NAME.toLowerCase()),
      `${COOKIE_NAME}=%zz`,
      `${COOKIE_NAME}=__proto__`,
    ]) {
      await expectNobody(bad);
    }
    await whoAmI(genuine).expect(200);
  });

  it('with two cookies of the name, of which one may have been planted', async () => {
    const mine = await t.signInWithCookie('mira');
    const planted = await t.signInWithCookie('noor');
    await expectNobody(`${mine}; ${planted}`);
    await expectNobody(`${planted}; ${mine}`);
    await whoAmI(`other=1; ${mine}; more=2`).expect(200);
  });

  it('with an id from a dump of the store', async () => {
    const cookie = await t.signInWithCookie();
    const id = decodeURIComponent(cookie).slice(`${COOKIE_NAME}=s:`.length).split('.')[0] as string;
    await expectNobody(`${COOKIE_NAME}=${encodeURIComponent(`s:${id}.${'A'.repeat(43)}`)}`);
  });
});

it('a value in quotes is the same cookie, at every endpoint', async () => {
  const cookie = (await t.signInWithCookie()).replace(/=(.*)$/, '="$1"');
  await whoAmI(cookie).expect(200);
  await t.api.get('/customer_session/devices').set({ cookie }).expect(200);
});

describe('the life of a session', () => {
  it('ends after half an hour without use, and use prolongs it', async () => {
    const cookie = await t.signInWithCookie();
    for (let i = 0; i < 4; i++) {
      t.clock.advance(29 * 60_000);
      await whoAmI(cookie).expect(200);
    }
    t.clock.advance(30 * 60_000 + 1);
    await expectNobody(cookie);
  });

  it('ends eight hours after the sign-in, however much it is used', async () => {
    const cookie = await t.signInWithCookie();
    for (let i = 0; i < 16; i++) {
      t.clock.advance(29 * 60_000);
      await whoAmI(cookie).expect(200);
    }
    t.clock.advance(8 * 3_600_000 - 16 * 29 * 60_000 - 1_000);
    await whoAmI(cookie).expect(200);
    t.clock.advance(1_000);
    await expectNobody(cookie);
  });

  it('is that of the configuration', async () => {
    await t.dispose();
    t = await startService({
      settings: (all) => ({ ...all, sessions: { idle_seconds: 60, absolute_seconds: 90 } }),
    });
    const idle = await t.signInWithCookie();
    t.clock.advance(60_000);
    await expectNobody(idle);
    const used = await t.signInWithCookie();
    t.clock.advance(50_000);
    await whoAmI(used).expect(200);
    t.clock.advance(40_000);
    await expectNobody(used);
  });

  it('ends when an operator ends all sessions of the customer', async () => {
    const mira = await t.signInWithCookie('mira');
    const noor = await t.signInWithCookie('noor');
    const { body } = await whoAmI(mira).expect(200);
    await t.admin
      .post(`/admin/customers/${body.customer_id}/end-sessions`)
      .send({ reason: 'lost telephone' })
      .expect(200);
    await expectNobody(mira);
    await whoAmI(noor).expect(200);
  });

  it('survives a new secret for cookies, which then signs the new ones', async () => {
    const before = await t.signInWithCookie();
    await t.admin.post('/admin/session-secrets/rotate').expect(200);
    await whoAmI(before).expect(200);
    const after = await t.signInWithCookie();
    await whoAmI(after).expect(200);
    await t.admin.post('/admin/session-secrets/rotate').expect(200);
    await whoAmI(before).expect(200);
    await whoAmI(after).expect(200);
  });
});

it('a refused sign-in leaves the session that was there', async () => {
  const cookie = await t.signInWithCookie();
  await t.api
    .post('/customer_authenticate')
    .set({ cookie })
    .send({ username: 'mira', password: `${PASSWORD}x`, channel: 'web' })
    .expect(401);
  await whoAmI(cookie).expect(200);
});
