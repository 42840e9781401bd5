import { afterEach, describe, expect, it } from 'vitest';
import { ADMIN_TOKEN, COOKIE_NAME, SHOP_ORIGIN, startService, type TestService } from '../support/service.ts';

let t: TestService;
afterEach(() => t.dispose());

const start = (max_per_address: number, refusals_per_address = 120) =>
  startService({
    settings: (all) => ({
      ...all,
      audit: { refusals_per_address },
      limits: { failures: { max_per_address, window_seconds: 60 } },
    }),
  });

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const EVIL = { origin: 'https://evil.test' };
const page = { origin: SHOP_ORIGIN, 'x-symbolon-csrf': '1' };
const stale = `${COOKIE_NAME}=s%3Aunknown`;

type Call = [
  what: string,
  status: number,
  method: string,
  path: string,
  headers: Record<string, string>,
  body?: string,
];

/** What a stranger may have refused as often as they like. */
const CALLS: Call[] = [
  ['a token with a foreign origin', 403, 'POST', '/customer_session/token', EVIL],
  [
    'a token without the header against forgery',
    403,
    'POST',
    '/customer_session/token',
    { origin: SHOP_ORIGIN },
  ],
  ['a session that nobody has', 401, 'GET', '/customer_session', { cookie: stale }],
  ['a token without a session', 401, 'POST', '/customer_session/token', page],
  ['signing out with nonsense', 401, 'DELETE', '/customer_session', { authorization: 'Bearer nonsense' }],
  ['devices of nobody', 401, 'GET', '/customer_session/devices', { authorization: 'Bearer rt_nonsense' }],
  ['a proof of nobody', 401, 'POST', '/channels/web/token', page],
  ['a sign-in page of nobody', 403, 'POST', '/oauth/sign-in', FORM, 'form=x&username=a&password=b'],
  ['a consent of nobody', 401, 'POST', '/oauth/consent', FORM, 'form=x'],
  ['a page inside another', 403, 'GET', '/oauth/authorize?x=y', { 'sec-fetch-dest': 'iframe' }],
  ['connected apps of nobody', 401, 'GET', '/oauth/grants', { cookie: 'a=b' }],
  [
    'a cookie for a foreign origin',
    403,
    'POST',
    '/customer_authenticate',
    { ...EVIL, ...FORM },
    'username=a&password=b',
  ],
  [
    'an old refresh token',
    401,
    'POST',
    '/customer_authenticate',
    FORM,
    'grant_type=refresh_token&refresh_token=rt_x',
  ],
];

const call = async ([, , method, path, headers, body]: Call): Promise<Response> => {
  const response = await fetch(t.url + path, {
    method,
    headers,
    redirect: 'manual',
    ...(body === undefined ? {} : { body }),
  });
  await response.arrayBuffer();
  return response;
};

const denials = async () => {
  const answer = await fetch(`${t.adminUrl}/admin/audit?limit=500`, {
    headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
  });
  const { items } = (await answer.json()) as {
    items: { event: string; address: string | null; details: Record<string, unknown> | null }[];
  };
  return items.filter(({ event }) => event === 'access.denied' || event === 'access.further_refusals');
};

describe('refusals of one address are counted, whatever was asked', () => {
  it.each(CALLS)('%s: %i, and 429 once they are used up', async (...one) => {
    t = await start(5);
    for (let n = 0; n < 5; n++) expect((await call(one)).status).toBe(one[1]);
    const refused = await call(one);
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    t.clock.advance(60_000);
    expect((await call(one)).status).toBe(one[1]);
  });

  it('and stop nobody who has a session, nor partners, at the same address', async () => {
    t = await start(3);
    const cookie = await t.signInWithCookie();
    const style = await t.asappStyle();
    for (let n = 0; n < 8; n++) await call(CALLS[0] as Call);
    await t.api.get('/customer_session').set({ cookie }).expect(200);
    await t.api
      .post('/customer_session/token')
      .set({ ...page, cookie })
      .expect(200);
    await t.api
      .get('/whoami')
      .set({ authorization: style['authorization'] ?? '' })
      .expect(200);
    await t.signIn();
  });

  it('but not the question who is signed in, which pages ask for every visitor', async () => {
    t = await start(3);
    for (let n = 0; n < 10; n++) await t.api.get('/customer_session').expect(401);
    expect((await call(CALLS[0] as Call)).status).toBe(403);
  });
});

describe('the audit log', () => {
  it('has a record for each of the first refusals of a minute, and one for all further ones', async () => {
    t = await start(1_000, 10);
    for (let n = 0; n < 30; n++) await call(CALLS[0] as Call);
    for (let n = 0; n < 5; n++) await call(CALLS[4] as Call);
    await t.service.close();
    expect(t.logs().filter(({ event }) => event === 'access.denied')).toHaveLength(35);
    const summed = t.logs().filter(({ event }) => event === 'access.further_refusals');
    expect(summed).toMatchObject([{ address: '127.0.0.1', outcome: 'refused' }]);
  });

  it('has them in the log that is kept, with how many there were of each kind', async () => {
    t = await start(1_000, 10);
    for (let n = 0; n < 30; n++) await call(CALLS[0] as Call);
    for (let n = 0; n < 5; n++) await call(CALLS[4] as Call);
    t.clock.advance(60_000);
    await call(CALLS[0] as Call);
    await expect
      .poll(async () => (await denials()).filter(({ event }) => event === 'access.further_refusals'), {
        timeout: 10_000,
      })
      .toMatchObject([
        {
          address: '127.0.0.1',
          details: { count: 25, seconds: 60, ORIGIN_NOT_ALLOWED: 20, INVALID_REFRESH_TOKEN: 5 },
        },
      ]);
    expect((await denials()).filter(({ event }) => event === 'access.denied')).toHaveLength(11);
  });
});
