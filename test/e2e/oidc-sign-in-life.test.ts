import { generateKeyPairSync } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { launchBrowser } from '../support/browser.ts';
import { createTestClock, type TestClock } from '../support/clock.ts';
import { pkce } from '../support/oauth-app.ts';
import {
  APP_REDIRECT,
  callbackOf,
  HELP,
  pageSignIn,
  providerClient,
  redirectingSettings,
} from '../support/redirecting-service.ts';
import { COOKIE_NAME, PUBLIC_URL, SHOP_ORIGIN, startService, type TestService } from '../support/service.ts';
import { freeLoopbackService } from '../support/service-on-loopback.ts';
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

beforeAll(async () => {
  provider = await createSignInProvider();
});
afterAll(() => provider.stop());

async function start(more: Record<string, unknown> = {}, client: Record<string, unknown> = {}) {
  clock = createTestClock({ nowMs: Date.now() });
  t = await startService({ clock, settings: redirectingSettings(provider, more) });
  await provider.start([
    providerClient({ ...client, backchannel_logout_uri: `${t.url}/backchannel_logout` }),
  ]);
  browser = createJarBrowser({ [PUBLIC_URL]: t.url });
}

const cookie = () =>
  `${COOKIE_NAME}=${browser.cookies.get(new URL(PUBLIC_URL).host)?.get(COOKIE_NAME) ?? ''}`;
const whoAmI = () => t.api.get('/customer_session').set('cookie', cookie());
const signIn = () => browser.signIn(pageSignIn(), { until: SHOP_ORIGIN });
const { verifier, challenge } = pkce();
const appCode = async () => {
  const app = {
    channel: 'ios',
    return_to: APP_REDIRECT,
    code_challenge: challenge,
    code_challenge_method: 'S256',
  };
  const back = await browser.signIn(pageSignIn(app), { until: 'com.example.shop:' });
  return new URL(back.url).searchParams.get('code') as string;
};
const redeem = (code: string) =>
  t.api.post('/customer_authenticate').send({
    grant_type: 'authorization_code',
    code,
    code_verifier: verifier,
    redirect_uri: APP_REDIRECT,
  });

describe('our own authentication at the provider', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'ours', alg: 'ES256', use: 'sig' };

  it.each<[string, Record<string, unknown>, Record<string, unknown>]>([
    ['a secret by Basic', {}, {}],
    [
      'a secret in the body',
      { client_authentication: 'client_secret_post' },
      { token_endpoint_auth_method: 'client_secret_post' },
    ],
    [
      'a signed assertion',
      {
        client_authentication: 'private_key_jwt',
        client_secret: undefined,
        private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
        private_key_id: 'ours',
      },
      {
        client_secret: undefined,
        token_endpoint_auth_method: 'private_key_jwt',
        token_endpoint_auth_signing_alg: 'ES256',
        jwks: { keys: [jwk] },
      },
    ],
  ])('by %s is taken, and doctor says so', async (_what, settings, client) => {
    await start(settings, client);
    await using _service = t;
    expect((await signIn()).url).toBe(HELP);
    const { findings } = (await t.admin.get('/admin/doctor').expect(200)).body as {
      findings: { subject: string; ok: boolean; message: string }[];
    };
    const found = findings.find(({ subject }) => subject === 'authenticator login');
    expect(found).toMatchObject({ ok: true, message: expect.stringContaining(callbackOf(PUBLIC_URL)) });
  });

  it('that the provider refuses is "could not tell" for the customer, and doctor says what to check', async () => {
    await start({ client_secret: 'Another-secret-9Xk2Lm4Pq7' });
    await using _service = t;
    expect((await signIn()).url).toBe(`${HELP}&error=temporarily_unavailable`);
    const { findings } = (await t.admin.get('/admin/doctor').expect(200)).body as {
      findings: { subject: string; ok: boolean; message: string }[];
    };
    expect(findings.find(({ subject }) => subject === 'authenticator login')).toMatchObject({
      ok: false,
      message: expect.stringContaining('client_secret'),
    });
  });
});

describe('a session that began at the provider', () => {
  beforeEach(() => start());
  afterEach(() => t.dispose());

  it('ends when the customer signs out at the provider, devices and tokens too', async () => {
    await signIn();
    const device = (await redeem(await appCode()).expect(200)).body as { refresh_token: string };
    clock.advance(2_000);
    const end = await browser.visit(`${provider.issuer}/session/end`);
    const xsrf = /name="xsrf" value="([^"]+)"/.exec(end.text)?.[1] as string;
    const action = /action="([^"]+)"/.exec(end.text)?.[1] as string;
    // The provider tells us before it answers.
    await browser.visit(action, { xsrf, logout: 'yes' });
    await whoAmI().expect(401);
    await t.api
      .post('/customer_authenticate')
      .send({ grant_type: 'refresh_token', refresh_token: device.refresh_token })
      .expect(401);
  });

  it('takes the place of the one before, whose cookie is dead', async () => {
    await signIn();
    const before = cookie();
    await signIn();
    expect(cookie()).not.toBe(before);
    await t.api.get('/customer_session').set('cookie', before).expect(401);
  });

  it('is not opened by a code from before the customer signed out everywhere', async () => {
    await signIn();
    const code = await appCode();
    clock.advance(2_000);
    await t.api
      .delete('/customer_session?everywhere=true')
      .set('cookie', cookie())
      .set('x-symbolon-csrf', '1')
      .set('origin', SHOP_ORIGIN)
      .expect(204);
    const { body } = await redeem(code).expect(401);
    expect(body.error.code).toBe('INVALID_CREDENTIALS');
  });

  it('is audited with its authenticator’s outcome, and so are those that were refused', async () => {
    await signIn();
    await browser.visit(`${provider.issuer}/session/end`);
    browser = createJarBrowser({ [PUBLIC_URL]: t.url });
    await browser.signIn(pageSignIn(), { until: SHOP_ORIGIN, cancel: true });
    const { items } = (await t.admin.get('/admin/audit?event=customer.authenticated').expect(200)).body as {
      items: { outcome: string; reason: string | null }[];
    };
    expect(items.map(({ outcome }) => outcome).sort()).toEqual(['refused', 'success']);
    expect(JSON.stringify(items)).not.toContain('mira-7');
  });

  it('cannot be tried by script, and try-login says so', async () => {
    const { body } = await t.admin
      .post('/admin/try-login')
      .send({ username: 'mira', password: 'x' })
      .expect(200);
    const attempt = body.attempts.find(
      ({ authenticator }: { authenticator: string }) => authenticator === 'login',
    );
    expect(attempt).toMatchObject({ outcome: 'not_mine', steps: [expect.stringContaining('in a browser')] });
  });
});

describe('a provider that is away', () => {
  beforeEach(() => start({ timeout_ms: 1_000 }));
  afterEach(() => t.dispose());

  it('sends a new customer straight back with an error, and one who was on the way too', async () => {
    const first = await browser.signIn(pageSignIn(), { until: callbackOf(PUBLIC_URL) });
    await provider.stop();
    const finished = await browser.visit(first.url);
    expect(finished.location).toBe(`${HELP}&error=temporarily_unavailable`);
    await t.dispose();
    t = await startService({ clock, settings: redirectingSettings(provider) });
    browser = createJarBrowser({ [PUBLIC_URL]: t.url });
    const begun = await browser.visit(pageSignIn());
    expect([begun.status, begun.location]).toEqual([303, `${HELP}&error=temporarily_unavailable`]);
    expect(begun.headers.getSetCookie()).toEqual([]);
  });

  it('ends no session of who is signed in', async () => {
    await signIn();
    await provider.stop();
    await whoAmI().expect(200);
  });
});

it('one customer has one identifier, by redirect and by an ID token that the app brings itself', async () => {
  clock = createTestClock({ nowMs: Date.now() });
  const settings = redirectingSettings(provider);
  t = await startService({
    clock,
    settings: (all) => {
      const made = settings(all);
      const tokens = {
        name: 'tokens',
        type: 'jwt' as const,
        reference_space: 'idp',
        issuer: provider.issuer,
        audiences: ['shop-app'],
        require_jti: false,
        algorithms: ['ES256' as const],
      };
      return { ...made, authenticators: [...(made.authenticators ?? []), tokens] };
    },
  });
  await using _service = t;
  const APP_CALLBACK = 'https://shop.test/callback';
  const app = { client_id: 'shop-app', client_secret: 'Another-secret-9Xk2Lm4Pq7' };
  await provider.start([
    providerClient(),
    { ...app, redirect_uris: [APP_CALLBACK], token_endpoint_auth_method: 'client_secret_post' },
  ]);
  browser = createJarBrowser({ [PUBLIC_URL]: t.url });
  await signIn();
  const query = new URLSearchParams({
    client_id: app.client_id,
    response_type: 'code',
    redirect_uri: APP_CALLBACK,
    scope: 'openid',
    code_challenge: challenge,
    code_challenge_method: 'S256',
  });
  const { url } = await browser.signIn(`${provider.issuer}/auth?${query.toString()}`, {
    until: APP_CALLBACK,
  });
  const code = new URL(url).searchParams.get('code') as string;
  const redemption = {
    grant_type: 'authorization_code',
    code,
    redirect_uri: APP_CALLBACK,
    code_verifier: verifier,
  };
  const { text } = await browser.visit(`${provider.issuer}/token`, { ...redemption, ...app });
  const { body } = await t.api
    .post('/customer_authenticate')
    .send({
      subject_token: (JSON.parse(text) as { id_token: string }).id_token,
      subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
      channel: 'ios',
    })
    .expect(200);
  expect(body.customer_id).toBe((await whoAmI().expect(200)).body.customer_id);
});

it('works below a path of the public address, whose redirect URI has it', async () => {
  const publicUrl = `${PUBLIC_URL}/bridge`;
  clock = createTestClock({ nowMs: Date.now() });
  const settings = redirectingSettings(provider);
  t = await startService({ clock, settings: (all) => settings({ ...all, public_url: publicUrl }) });
  await using _service = t;
  await provider.start([providerClient({ redirect_uris: [callbackOf(publicUrl)] })]);
  browser = createJarBrowser({ [PUBLIC_URL]: t.url });
  const back = await browser.signIn(pageSignIn({}, publicUrl), { until: SHOP_ORIGIN });
  expect(back.url).toBe(HELP);
  await t.api.get('/bridge/customer_session').set('cookie', cookie()).expect(200);
});

it('counts those who begin by their address, and tells them to wait on a page', async () => {
  clock = createTestClock({ nowMs: Date.now() });
  const settings = redirectingSettings(provider);
  t = await startService({
    clock,
    settings: (all) => ({
      ...settings(all),
      limits: { tiers: { few: [{ quota: 8, window_seconds: 60 }] }, defaults: { address: 'few' } },
    }),
  });
  await using _service = t;
  browser = createJarBrowser({ [PUBLIC_URL]: t.url });
  const statuses: number[] = [];
  for (let n = 0; n < 10; n++) statuses.push((await browser.visit(pageSignIn({ return_to: 'x' }))).status);
  expect(statuses.slice(0, 8)).toEqual(Array.from({ length: 8 }, () => 400));
  const refused = await browser.visit(pageSignIn());
  expect([statuses[9], refused.status]).toEqual([429, 429]);
  expect(refused.headers.get('retry-after')).toMatch(/^\d+$/);
  expect(refused.headers.get('content-type')).toContain('text/html');
});

describe('in Chromium', () => {
  let chromium: Browser;
  let shop: Server;
  let shopUrl: string;
  let live: TestService;

  beforeAll(async () => {
    shop = createServer((_req, res) => {
      res.writeHead(200, { 'content-type': 'text/html' });
      res.end('<!doctype html><title>Shop</title><link rel="icon" href="data:,"><h1>Back in the shop</h1>');
    });
    await new Promise<void>((resolve) => shop.listen(0, '127.0.0.1', resolve));
    shopUrl = `http://127.0.0.1:${(shop.address() as { port: number }).port}`;
    chromium = await launchBrowser();
  });
  afterAll(async () => {
    await chromium?.close();
    shop?.close();
  });
  afterEach(() => live.dispose());

  it.each(['query', 'form_post'])(
    'a customer signs in, turns back and signs in again, by %s',
    async (mode) => {
      let publicUrl = '';
      live = await freeLoopbackService((all) => {
        // Another host than the provider's and the shop's, so that cookies have to cross sites.
        publicUrl = String(all.public_url).replace('127.0.0.1', 'localhost');
        const settings = redirectingSettings(provider, { response_mode: mode })(all as never);
        const channels = settings.channels?.map((one) =>
          one.id === 'web' ? { ...one, allowed_origins: [shopUrl] } : one,
        );
        return { ...settings, channels, public_url: publicUrl };
      });
      await provider.start([providerClient({ redirect_uris: [callbackOf(publicUrl)] })]);
      const page = await (await chromium.newContext()).newPage();
      const begin = () => page.goto(pageSignIn({ return_to: `${shopUrl}/help` }, publicUrl));

      await begin();
      await page.getByRole('button', { name: 'Cancel' }).click();
      await page.getByRole('heading', { name: 'Back in the shop' }).waitFor();
      expect(page.url()).toBe(`${shopUrl}/help?error=access_denied`);

      await begin();
      await page.getByLabel('Account').fill('mira-7');
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByRole('heading', { name: 'Back in the shop' }).waitFor();
      expect(page.url()).toBe(`${shopUrl}/help`);
      const cookies = await page.context().cookies(publicUrl);
      const ours = cookies.filter(({ name }) => name.startsWith('__Host-symbolon'));
      expect(ours.map(({ name, httpOnly, secure }) => [name, httpOnly, secure])).toEqual([
        [COOKIE_NAME, true, true],
      ]);
      const session = await page.goto(`${publicUrl}/customer_session`);
      expect(session?.status()).toBe(200);

      await page.goBack();
      await page.goto(`${publicUrl}/customer_sign_in/callback/login?state=${'x'.repeat(32)}&code=y`);
      await page.getByRole('heading', { name: 'This did not work' }).waitFor();
      await page.context().close();
    },
  );
});
