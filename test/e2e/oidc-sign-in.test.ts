import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestClock, type TestClock } from '../support/clock.ts';
import { pkce } from '../support/oauth-app.ts';
import {
  APP_REDIRECT,
  CALLBACK,
  CLIENT_SECRET,
  HELP,
  pageSignIn,
  providerClient,
  redirectingSettings,
} from '../support/redirecting-service.ts';
import { COOKIE_NAME, PUBLIC_URL, SHOP_ORIGIN, startService, type TestService } from '../support/service.ts';
import {
  createJarBrowser,
  createSignInProvider,
  type JarBrowser,
  type SignInProvider,
} from '../support/sign-in-provider.ts';

let provider: SignInProvider;
let t: TestService;
let clock: TestClock;
let browser: JarBrowser;
/** How much was logged when the test began. */
let logged: number;

async function start(more: Record<string, unknown> = {}) {
  await t?.dispose();
  // The provider's tokens bear the time of the machine.
  clock = createTestClock({ nowMs: Date.now() });
  t = await startService({ clock, settings: redirectingSettings(provider, more) });
  browser = createJarBrowser({ [PUBLIC_URL]: t.url });
}

beforeAll(async () => {
  provider = await createSignInProvider();
  await provider.start([providerClient()]);
  await start();
});
afterAll(async () => {
  await provider.stop();
  await t.dispose();
});
beforeEach(() => {
  logged = t.logs().length;
  browser = createJarBrowser({ [PUBLIC_URL]: t.url });
});

const begin = (parameters: Record<string, string>) =>
  `${PUBLIC_URL}/customer_sign_in?${new URLSearchParams(parameters).toString()}`;
const { verifier, challenge } = pkce();
const appSignIn = (more: Record<string, string> = {}) =>
  begin({
    channel: 'ios',
    return_to: APP_REDIRECT,
    code_challenge: challenge,
    code_challenge_method: 'S256',
    state: 'of the app',
    ...more,
  });
const cookieOfBrowser = () => {
  const value = browser.cookies.get(new URL(PUBLIC_URL).host)?.get(COOKIE_NAME);
  return value === undefined ? '' : `${COOKIE_NAME}=${value}`;
};
const whoAmI = () => t.api.get('/customer_session').set('cookie', cookieOfBrowser());
const redeem = (code: string, more: Record<string, unknown> = {}) =>
  t.api
    .post('/customer_authenticate')
    .type('form')
    .send({
      grant_type: 'authorization_code',
      code,
      code_verifier: verifier,
      redirect_uri: APP_REDIRECT,
      ...more,
    });
const appCode = async (account = 'mira-7') => {
  const back = await browser.signIn(appSignIn(), { account, until: 'com.example.shop:' });
  return new URL(back.url).searchParams.get('code') as string;
};
const sayWhy = () =>
  t
    .logs()
    .slice(logged)
    .filter(({ event }) => event === 'authenticator.answer_refused')
    .map(({ reason }) => reason);

describe('a customer who signs in at the provider for a page', () => {
  it('comes back to the page with a session, and nothing in the address', async () => {
    const back = await browser.signIn(pageSignIn(), { until: SHOP_ORIGIN });
    expect(back.url).toBe(HELP);
    const { body } = await whoAmI().expect(200);
    expect(body.customer_id).toMatch(/^c1/);
    const left = [...(browser.cookies.get(new URL(PUBLIC_URL).host)?.keys() ?? [])];
    expect(left).toEqual([COOKIE_NAME]);
  });

  it('is the same customer each time, and another one than the next', async () => {
    const of = async (account: string) => {
      browser = createJarBrowser({ [PUBLIC_URL]: t.url });
      await browser.signIn(pageSignIn(), { account, until: SHOP_ORIGIN });
      return (await whoAmI().expect(200)).body.customer_id as string;
    };
    const first = await of('mira-7');
    expect(await of('mira-7')).toBe(first);
    expect(await of('noor-8')).not.toBe(first);
  });

  it('who turns back at the provider comes back with an error and no session', async () => {
    const back = await browser.signIn(pageSignIn(), { until: SHOP_ORIGIN, cancel: true });
    expect(back.url).toBe(`${HELP}&error=access_denied`);
    expect(cookieOfBrowser()).toBe('');
  });

  it('with prompt=none and no session at the provider comes straight back with login_required', async () => {
    const back = await browser.signIn(pageSignIn({ prompt: 'none' }), { until: SHOP_ORIGIN });
    expect(back.url).toBe(`${HELP}&error=login_required`);
    await browser.signIn(pageSignIn(), { until: SHOP_ORIGIN });
    const silent = await browser.visit(pageSignIn({ prompt: 'none' }));
    const answered = await browser.visit(silent.location as string);
    const again = await browser.visit(answered.location as string);
    expect(again.location).toBe(HELP);
  });

  it('proves with max_age how long ago the provider saw the credentials', async () => {
    const back = await browser.signIn(pageSignIn({ max_age: '60' }), { until: SHOP_ORIGIN });
    expect(back.url).toBe(HELP);
  });
});

describe('the way to and from the provider', () => {
  const query = async () => new URL((await browser.visit(pageSignIn())).location as string).searchParams;

  it('carries PKCE with S256, a state, a nonce and the exact redirect URI, each time anew', async () => {
    const [one, two] = [await query(), await query()];
    expect(one.get('redirect_uri')).toBe(CALLBACK);
    expect(one.get('response_type')).toBe('code');
    expect(one.get('code_challenge_method')).toBe('S256');
    for (const name of ['state', 'nonce', 'code_challenge']) {
      expect(one.get(name)).toMatch(/^[A-Za-z0-9_-]{32,43}$/);
      expect(one.get(name)).not.toBe(two.get(name));
    }
  });

  it('is bound to the browser by a cookie that no script, no other host and no plain connection gets', async () => {
    const { headers } = await browser.visit(pageSignIn());
    const [cookie = '', more] = headers.getSetCookie();
    expect(more).toBeUndefined();
    expect(cookie).toMatch(
      /^__Host-symbolon-sign-in-[0-3]=[A-Za-z0-9._-]+; Path=\/; Secure; HttpOnly; SameSite=Lax; Max-Age=600$/,
    );
    expect(cookie.length).toBeLessThan(4_096);
  });

  it('can be gone in two tabs at once', async () => {
    const tabs = [
      await browser.visit(pageSignIn()),
      await browser.visit(pageSignIn({ return_to: `${SHOP_ORIGIN}/two` })),
    ];
    const backs = [];
    for (const tab of tabs) backs.push(await browser.signIn(tab.location as string, { until: SHOP_ORIGIN }));
    expect(backs.map(({ url }) => url)).toEqual([HELP, `${SHOP_ORIGIN}/two`]);
  });

  it('keeps no more than a few sign-ins that were never finished', async () => {
    const long = pageSignIn({ return_to: `${SHOP_ORIGIN}/${'x'.repeat(960)}` });
    for (let n = 0; n < 12; n++) expect((await browser.visit(long)).status).toBe(303);
    const kept = [...(browser.cookies.get(new URL(PUBLIC_URL).host)?.values() ?? [])];
    expect(kept.join('').length).toBeLessThan(9_000);
    expect((await browser.signIn(pageSignIn(), { until: SHOP_ORIGIN })).url).toBe(HELP);
  });
});

describe('a provider’s answer', () => {
  const answerOf = (account = 'mira-7') => browser.signIn(pageSignIn(), { account, until: CALLBACK });

  it('is taken once: the same address a second time shows a page and opens nothing', async () => {
    const { url } = await answerOf();
    const host = new URL(PUBLIC_URL).host;
    const before = new Map(browser.cookies.get(host));
    expect((await browser.visit(url)).location).toBe(HELP);
    browser.cookies.set(host, before);
    const again = await browser.visit(url);
    expect(again.status).toBe(403);
    expect(again.text).toContain('This did not work');
    expect(cookieOfBrowser()).toBe('');
  });

  it('that was made in another browser signs nobody in here (login CSRF)', async () => {
    const { url } = await answerOf('attacker');
    const victim = createJarBrowser({ [PUBLIC_URL]: t.url });
    const answered = await victim.visit(url);
    expect(answered.status).toBe(403);
    await victim.visit(pageSignIn());
    expect((await victim.visit(url)).status).toBe(403);
    expect([...(victim.cookies.get(new URL(PUBLIC_URL).host)?.keys() ?? [])]).not.toContain(COOKIE_NAME);
  });

  it('with a code of another sign-in proves nothing (code injection)', async () => {
    const stolen = new URL((await answerOf('victim')).url).searchParams.get('code') as string;
    const own = new URL((await answerOf('attacker')).url);
    own.searchParams.set('code', stolen);
    const answered = await browser.visit(own.href);
    expect(answered.location).toBe(`${HELP}&error=access_denied`);
    expect(sayWhy()).toEqual(['code_refused']);
    expect(cookieOfBrowser()).toBe('');
  });

  it.each<[string, (url: URL) => void, string]>([
    ['another issuer', (url) => url.searchParams.set('iss', 'https://evil.test'), 'answer_issuer'],
    [
      'no issuer, where the provider always names it',
      (url) => url.searchParams.delete('iss'),
      'answer_issuer',
    ],
    ['no code', (url) => url.searchParams.delete('code'), 'no_code'],
    [
      'an error beside the code',
      (url) => url.searchParams.set('error', 'access_denied'),
      'provider_access_denied',
    ],
    ['a made-up code', (url) => url.searchParams.set('code', 'x'.repeat(40)), 'code_refused'],
  ])('with %s signs nobody in, and the log says why', async (_what, change, reason) => {
    const url = new URL((await answerOf()).url);
    change(url);
    expect((await browser.visit(url.href)).location).toBe(`${HELP}&error=access_denied`);
    expect(sayWhy()).toEqual([reason]);
    expect(cookieOfBrowser()).toBe('');
  });

  it.each<[string, (url: URL) => void, number]>([
    ['without a state', (url) => url.searchParams.delete('state'), 403],
    ['with another state', (url) => url.searchParams.set('state', 'x'.repeat(32)), 403],
    ['with a huge state', (url) => url.searchParams.set('state', 'x'.repeat(5_000)), 403],
    ['with a parameter twice', (url) => url.searchParams.append('code', 'x'), 400],
    ['at another authenticator’s address (mix-up)', (url) => (url.pathname += '-two'), 403],
  ])('%s shows a page and leads nowhere', async (_what, change, status) => {
    const url = new URL((await answerOf()).url);
    change(url);
    const answered = await browser.visit(url.href);
    expect([answered.status, answered.location]).toEqual([status, undefined]);
    expect(answered.headers.get('content-type')).toContain('text/html');
    expect(answered.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
  });

  it('that comes after ten minutes is too old', async () => {
    const { url } = await answerOf();
    clock.advance(600_000);
    expect((await browser.visit(url)).status).toBe(403);
  });

  it('by a form is taken in the same way, with a cookie that comes along across sites', async () => {
    await start({ response_mode: 'form_post' });
    const first = await browser.visit(pageSignIn());
    expect(first.headers.getSetCookie()[0]).toContain('SameSite=None');
    const back = await browser.signIn(first.location as string, { until: SHOP_ORIGIN });
    expect(back.url).toBe(HELP);
    await whoAmI().expect(200);
    await t.api
      .post('/customer_sign_in/callback/login')
      .type('form')
      .send({ state: 'x', code: 'y' })
      .expect(403);
    await t.api.post('/customer_sign_in/callback/login').send({ state: 'x' }).expect(415);
    await start();
  });

  it('leaves no code, token, state or reference in the log', async () => {
    const { url } = await answerOf();
    await browser.visit(url);
    await redeem(await appCode()).expect(200);
    const log = JSON.stringify(t.logs());
    const { searchParams } = new URL(url);
    for (const name of ['code', 'state']) expect(log).not.toContain(searchParams.get(name));
    for (const secret of ['mira-7', CLIENT_SECRET, verifier]) expect(log).not.toContain(secret);
    expect(log).not.toMatch(/\bsc_|eyJ[\w-]+\./);
  });
});

describe('where a sign-in may lead back to', () => {
  it.each<[string, string]>([
    ['another origin', 'https://evil.test/'],
    ['a longer host', 'https://shop.test.evil.test/'],
    ['a user name in front', 'https://shop.test@evil.test/'],
    ['another scheme', 'http://shop.test/'],
    ['another port', 'https://shop.test:8443/'],
    ['a backslash', 'https://shop.test\\@evil.test/'],
    ['an address without a scheme', '//evil.test/'],
    ['a path alone', '/help'],
    ['a script', 'javascript:alert(1)'],
    ['a fragment', `${SHOP_ORIGIN}/#x`],
    ['upper case', 'HTTPS://SHOP.TEST/'],
    ['a line break', `${SHOP_ORIGIN}/\r\nset-cookie: x=y`],
    ['a dot segment', `${SHOP_ORIGIN}/a/../b`],
    ['an answer of ours inside', `${SHOP_ORIGIN}/?error=none`],
    ['an app’s address without its challenge', APP_REDIRECT],
  ])('is never %s', async (_what, return_to) => {
    const { status, location } = await browser.visit(pageSignIn({ return_to }));
    expect([status, location]).toEqual([400, undefined]);
  });

  it('for a page is any address of its origin, or of ours', async () => {
    for (const return_to of [SHOP_ORIGIN, `${SHOP_ORIGIN}/`, `${PUBLIC_URL}/oauth/connected-apps`]) {
      const { location } = await browser.visit(pageSignIn({ return_to }));
      expect(location).toMatch(new RegExp(`^${provider.issuer}/auth\\?`));
    }
  });

  it.each<[string, Record<string, string>]>([
    ['another path', { return_to: 'com.example.shop:/signed-in/x' }],
    ['another scheme', { return_to: 'com.evil.shop:/signed-in' }],
    ['a page of the channel', { return_to: `${SHOP_ORIGIN}/help`, channel: 'app' }],
    ['the address of another channel’s app', { channel: 'web' }],
    ['a challenge of another kind', { code_challenge_method: 'plain' }],
    ['a short challenge', { code_challenge: 'x'.repeat(42) }],
  ])('for an app is exactly what is registered: not %s', async (_what, change) => {
    const { status, location } = await browser.visit(appSignIn(change));
    expect([status, location]).toEqual([400, undefined]);
  });

  it.each<[string, Record<string, string>]>([
    ['an unknown channel', { channel: 'nowhere' }],
    ['a channel without such a sign-in', { channel: 'south', return_to: 'https://south.test/' }],
    ['an authenticator of another kind', { authenticator: 'directory' }],
    ['a state for a page', { state: 'x' }],
    ['an unknown prompt', { prompt: 'everything' }],
    ['a senseless max_age', { max_age: '-1' }],
  ])('is not looked at with %s', async (_what, change) => {
    expect((await browser.visit(pageSignIn(change))).status).toBe(400);
  });

  it('is nothing that a frame or a script may open, and HEAD begins nothing', async () => {
    const path = pageSignIn().slice(PUBLIC_URL.length);
    await t.api.get(path).set('sec-fetch-dest', 'iframe').expect(403);
    await t.api.get(path).set('sec-fetch-dest', 'image').expect(403);
    await t.api.head(path).expect(405);
  });
});

describe('an app that signs in with the system browser', () => {
  it('gets a code at its own address with its state and our issuer, and redeems it for tokens', async () => {
    const back = await browser.signIn(appSignIn(), { until: 'com.example.shop:' });
    const { searchParams, protocol, pathname } = new URL(back.url);
    expect(protocol + pathname).toBe(APP_REDIRECT);
    expect(searchParams.get('state')).toBe('of the app');
    expect(searchParams.get('iss')).toBe(PUBLIC_URL);
    expect(cookieOfBrowser()).toBe('');
    const { body, headers } = await redeem(searchParams.get('code') as string, {
      channel: 'ios',
      device_name: 'Phone',
    }).expect(200);
    expect(body).toMatchObject({ JWT: expect.any(String), refresh_token: expect.stringMatching(/^rt_/) });
    expect(headers['set-cookie']).toBeUndefined();
    await t.api
      .post('/customer_authenticate')
      .send({ grant_type: 'refresh_token', refresh_token: body.refresh_token })
      .expect(200);
    await browser.signIn(pageSignIn(), { until: SHOP_ORIGIN });
    expect((await whoAmI().expect(200)).body.customer_id).toBe(body.customer_id);
  });

  it.each<[string, Record<string, unknown>]>([
    ['another verifier, as an app has it that took the scheme', { code_verifier: pkce().verifier }],
    ['the challenge for a verifier', { code_verifier: challenge }],
    ['another address', { redirect_uri: 'com.evil.shop:/signed-in' }],
    ['another channel', { channel: 'web' }],
  ])('redeems nothing with %s, and the code is still good for its owner', async (_what, change) => {
    const code = await appCode();
    const { body } = await redeem(code, change).expect(401);
    expect(body.error.code).toBe('INVALID_CREDENTIALS');
    await redeem(code).expect(200);
  });

  it('redeems a code once: a second time ends what came of the first', async () => {
    const code = await appCode();
    const { body } = await redeem(code).expect(200);
    await redeem(code).expect(401);
    await t.api
      .post('/customer_authenticate')
      .send({ grant_type: 'refresh_token', refresh_token: body.refresh_token })
      .expect(401);
    const { items } = (await t.admin.get('/admin/audit?event=authorization_code.reused').expect(200)).body;
    expect(items).toHaveLength(1);
  });

  it('redeems a code once however many try at the same moment', async () => {
    const code = await appCode();
    const answers = await Promise.all(Array.from({ length: 12 }, () => redeem(code)));
    expect(answers.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(1);
    expect(answers.filter(({ status }) => status === 401).length).toBeGreaterThanOrEqual(11);
  });

  it('redeems nothing after a minute, and nothing that is no code of ours', async () => {
    const code = await appCode();
    for (const wrong of ['x', `${code}A`, code.slice(0, -4), `sc_${'A'.repeat(80)}`])
      await redeem(wrong).expect(401);
    clock.advance(60_000);
    await redeem(code).expect(401);
  });

  it.each<[string, Record<string, unknown>]>([
    ['a password beside it', { username: 'mira', password: 'x' }],
    ['a refresh token beside it', { refresh_token: 'rt_x', grant_type: 'authorization_code' }],
    ['no verifier', { code_verifier: undefined }],
    ['cookie delivery', { delivery: 'cookie' }],
    ['another grant', { grant_type: 'password' }],
  ])('is told what is malformed with %s', async (_what, change) => {
    await redeem('sc_x', change).expect(400);
  });

  it('never brings a code in an address of ours', async () => {
    await t.api.post('/customer_authenticate?code=x').send({ code: 'x' }).expect(400);
  });

  it('whose customer turned back is told so', async () => {
    const back = await browser.signIn(appSignIn(), { until: 'com.example.shop:', cancel: true });
    const { searchParams } = new URL(back.url);
    expect([searchParams.get('error'), searchParams.get('state'), searchParams.get('iss')]).toEqual([
      'access_denied',
      'of the app',
      PUBLIC_URL,
    ]);
  });
});
