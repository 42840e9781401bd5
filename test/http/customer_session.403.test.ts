import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PUBLIC_URL, SHOP_ORIGIN, startService, type TestService } from '../support/service.ts';

let t: TestService;
let cookie: string;
beforeAll(async () => {
  t = await startService();
  cookie = await t.signInWithCookie();
});
afterAll(() => t.dispose());

const changing = [
  ['renewal', () => t.api.post('/customer_session/token')],
  ['sign-out', () => t.api.delete('/customer_session')],
] as const;
const code = (response: { body: { error: { code: string } } }) => response.body.error.code;

describe.each(changing)('%s with an ambient cookie', (_what, call) => {
  it('needs the header that no foreign page can send', async () => {
    expect(code(await call().set({ cookie, origin: SHOP_ORIGIN }).expect(403))).toBe('CSRF_REJECTED');
    for (const value of ['', '0', 'true', '1, 1']) {
      const headers = { cookie, origin: SHOP_ORIGIN, 'x-symbolon-csrf': value };
      expect(code(await call().set(headers).expect(403))).toBe('CSRF_REJECTED');
    }
  });

  it('needs an origin that a channel lists', async () => {
    const csrf = { cookie, 'x-symbolon-csrf': '1' };
    expect(code(await call().set(csrf).expect(403))).toBe('ORIGIN_NOT_ALLOWED');
    for (const origin of ['https://evil.test', 'null', 'https://shop.test.evil.test', 'http://shop.test']) {
      const { body, headers } = await call()
        .set({ ...csrf, origin })
        .expect(403);
      expect(body.error.code).toBe('ORIGIN_NOT_ALLOWED');
      expect(headers).not.toHaveProperty('access-control-allow-origin');
    }
  });

  it('changes nothing when it is refused', async () => {
    await call().set({ cookie, origin: 'https://evil.test', 'x-symbolon-csrf': '1' }).expect(403);
    await t.api.get('/customer_session').set({ cookie }).expect(200);
  });
});

it('a foreign page is not told who is signed in', async () => {
  const foreign = await t.api
    .get('/customer_session')
    .set({ cookie, origin: 'https://evil.test' })
    .expect(403);
  expect(foreign.body).not.toHaveProperty('customer_id');
  await t.api.get('/customer_session').set({ cookie, 'sec-fetch-site': 'cross-site' }).expect(403);
});

it('a session gives no token for a channel of another group', async () => {
  const call = t.api
    .post('/customer_session/token')
    .set({ cookie, origin: PUBLIC_URL, 'x-symbolon-csrf': '1' });
  expect(code(await call.send({ channel: 'south' }).expect(403))).toBe('CHANNEL_NOT_ALLOWED');
});

it('a channel that there is not is a bad request', async () => {
  for (const channel of ['nowhere', '__proto__', 'constructor']) {
    const call = t.api
      .post('/customer_session/token')
      .set({ cookie, origin: SHOP_ORIGIN, 'x-symbolon-csrf': '1' });
    expect(code(await call.send({ channel }).expect(400))).toBe('UNKNOWN_CHANNEL');
  }
});
