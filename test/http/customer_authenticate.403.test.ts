import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PASSWORD, PUBLIC_URL, SHOP_ORIGIN, startService, type TestService } from '../support/service.ts';

let t: TestService;
beforeAll(async () => {
  t = await startService();
});
afterAll(() => t.dispose());

const signIn = (delivery: string) =>
  t.api
    .post('/customer_authenticate')
    .type('form')
    .send({ username: 'mira', password: PASSWORD, channel: 'web', delivery });

describe('cookie delivery sets no session for a foreign page', () => {
  it.each([
    ['another site', 'https://evil.test'],
    ['another scheme', SHOP_ORIGIN.replace('https', 'http')],
    ['another port', `${SHOP_ORIGIN}:8443`],
    ['a subdomain', 'https://www.shop.test'],
    ['a name that begins alike', `${SHOP_ORIGIN}.evil.test`],
    ['upper case', 'https://SHOP.test'],
    ['a trailing slash', `${SHOP_ORIGIN}/`],
    ['a page without an origin of its own', 'null'],
    ["another partner's page", 'https://south.test'],
    ['nothing', ''],
  ])('%s', async (_what, origin) => {
    const { body, headers } = await signIn('cookie').set('origin', origin).expect(403);
    expect(body.error.code).toBe('ORIGIN_NOT_ALLOWED');
    expect(headers).not.toHaveProperty('set-cookie');
  });

  it.each(['cross-site', 'same-site'])('one that a browser calls %s without naming it', async (site) => {
    const { headers } = await signIn('cookie').set('sec-fetch-site', site).expect(403);
    expect(headers).not.toHaveProperty('set-cookie');
  });

  it('is decided before the password is looked at', async () => {
    const wrong = { username: 'mira', password: 'wrong', channel: 'web', delivery: 'cookie' };
    await t.api.post('/customer_authenticate').send(wrong).set('origin', 'https://evil.test').expect(403);
  });
});

it('our own origin and a plain script may have a cookie', async () => {
  await signIn('cookie').set('origin', PUBLIC_URL).expect(200);
  await signIn('cookie').expect(200);
  await signIn('cookie').set('sec-fetch-site', 'same-origin').expect(200);
});

it('token delivery answers a foreign page, whose browser then may not read the answer', async () => {
  const { headers } = await signIn('token').set('origin', 'https://evil.test').expect(200);
  expect(headers).not.toHaveProperty('access-control-allow-origin');
  expect(headers).not.toHaveProperty('set-cookie');
  expect(headers['vary']).toBe('Origin');
});
