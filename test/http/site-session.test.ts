import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../src/config/config.ts';
import { signingKeyOf } from '../../src/signatures/signed-request.ts';
import { signV1 } from '../../src/signatures/v1.ts';
import {
  cookieOf,
  PASSWORD,
  PUBLIC_URL,
  SHOP_ORIGIN,
  startService,
  type TestService,
} from '../support/service.ts';
import { sendJson, startTestSite, type TestSite } from '../support/site.ts';

const SECRET = 'b7Kq2vXw9ZpL4mTn8RsYc3Hd';
const OTHER_SECRET = 'Q1w2E3r4T5y6U7i8O9p0Asdf';

let t: TestService;
let site: TestSite;
let cacheSeconds: number;
let totalTimeoutMs: number;

const siteSettings = (settings: ConfigInput): ConfigInput => ({
  ...settings,
  connections: { ...settings.connections, site: { base_url: site.url, total_timeout_ms: totalTimeoutMs } },
  authenticators: [
    { name: 'directory', type: 'directory', reference_space: 'directory' },
    {
      name: 'shop',
      type: 'site_session',
      reference_space: 'directory',
      connection: 'site',
      request: { path: '/me' },
      cookies: ['site_sid'],
      headers: ['x-site-token'],
      answer: { reference: 'user.id' },
      cache_seconds: cacheSeconds,
    },
  ],
  channels: settings.channels?.map((channel) =>
    channel.id === 'south' ? { ...channel, authenticators: ['directory'] } : channel,
  ),
  sign_out: {
    signers: [{ name: 'shop-backend', secret: SECRET, reference_space: 'directory' }],
  },
});

const start = async (options: { cacheSeconds?: number; totalTimeoutMs?: number } = {}) => {
  ({ cacheSeconds = 0, totalTimeoutMs = 5_000 } = options);
  site = await startTestSite();
  t = await startService({ settings: siteSettings });
};
const stop = async () => {
  await t.dispose();
  await site.close();
};
beforeAll(() => start());
beforeEach(() => {
  site.calls.length = 0;
  site.script = undefined;
  site.sessions.clear();
  site.sessions.set('sid-mira', '4711');
  // Sign-outs and limits of the test before are over.
  t.clock.advance(61_000);
});
afterAll(() => stop());

const PAGE = { origin: SHOP_ORIGIN, 'x-symbolon-csrf': '1' };
const COOKIE = 'theme=dark; site_sid=sid-mira; __Host-other=1';
const signIn = (headers: Record<string, string> = PAGE, body: Record<string, unknown> = { channel: 'web' }) =>
  t.api
    .post('/customer_authenticate')
    .set({ cookie: COOKIE, ...headers })
    .send(body);

const signed = (body: string, options: { secret?: string; timestampSeconds?: number } = {}) =>
  t.api
    .post('/site_sign_out')
    .set({
      'content-type': 'application/json',
      ...signV1({
        signingKey: signingKeyOf(options.secret ?? SECRET),
        timestampSeconds: options.timestampSeconds ?? Math.floor(t.clock.nowMs() / 1000),
        body: Buffer.from(body),
      }),
    })
    .serialize((text) => text as unknown as string)
    .send(body);

describe('a customer who is signed in at the company’s site', () => {
  it('has a session without a second sign-in, as the same customer as by password', async () => {
    const { body, headers } = await signIn().expect(200);
    expect(body.customer_id).toBe((await t.signIn('ios')).customer_id);
    const renewed = await t.api
      .post('/customer_session/token')
      .set({ ...PAGE, cookie: cookieOf(headers) })
      .send({})
      .expect(200);
    expect(renewed.body.customer_id).toBe(body.customer_id);
  });

  it('needs no body where the default channel is meant', async () => {
    for (const type of [undefined, 'application/json']) {
      const headers = { ...PAGE, cookie: COOKIE, ...(type && { 'content-type': type }) };
      const response = await fetch(`${t.url}/customer_authenticate`, { method: 'POST', headers });
      expect(response.status).toBe(200);
    }
  });

  it('gets a token where the channel delivers tokens', async () => {
    const { body, headers } = await signIn(PAGE, { channel: 'app' }).expect(200);
    expect(body.JWT).toEqual(expect.any(String));
    expect(headers).not.toHaveProperty('set-cookie');
  });

  it('is signed in from a page of our own origin too', async () => {
    await signIn({ ...PAGE, origin: PUBLIC_URL }).expect(200);
  });

  it('shows the site no other cookie than the configured one', async () => {
    await signIn().expect(200);
    expect(site.calls[0]?.headers.cookie).toBe('site_sid=sid-mira');
  });
});

it('a page may send the configured header from another origin, and the site gets it', async () => {
  const { headers } = await t.api
    .options('/customer_authenticate')
    .set({ origin: SHOP_ORIGIN, 'access-control-request-method': 'POST' })
    .expect(204);
  expect(headers['access-control-allow-headers']).toBe('content-type,x-symbolon-csrf,x-site-token');
  site.script = (response, { headers: sent }) =>
    sendJson(response, 200, { user: { id: sent['x-site-token'] === 't0k-mira' ? '4711' : '' } });
  await signIn({ ...PAGE, cookie: '', 'x-site-token': 't0k-mira' }).expect(200);
});

describe('the site’s cookie signs nobody in', () => {
  it.each<[string, Record<string, string>, string]>([
    ['without the header that only a page of ours sends', { origin: SHOP_ORIGIN }, 'CSRF_REJECTED'],
    ['with another value of it', { origin: SHOP_ORIGIN, 'x-symbolon-csrf': 'true' }, 'CSRF_REJECTED'],
    ['without an origin', { 'x-symbolon-csrf': '1' }, 'ORIGIN_NOT_ALLOWED'],
    ['for a foreign page', { ...PAGE, origin: 'https://evil.test' }, 'ORIGIN_NOT_ALLOWED'],
    ['for the page of another partner', { ...PAGE, origin: 'https://south.test' }, 'ORIGIN_NOT_ALLOWED'],
    ['for a page without an origin of its own', { ...PAGE, origin: 'null' }, 'ORIGIN_NOT_ALLOWED'],
  ])('%s, and the site is not asked', async (_what, headers, code) => {
    const { body, headers: answered } = await signIn(headers).expect(403);
    expect(body.error.code).toBe(code);
    expect(answered).not.toHaveProperty('set-cookie');
    expect(site.calls).toEqual([]);
  });

  it('for the page of another partner that asks for a token', async () => {
    const { body } = await signIn({ ...PAGE, origin: 'https://south.test' }, { channel: 'app' }).expect(403);
    expect(body.error.code).toBe('ORIGIN_NOT_ALLOWED');
    expect(site.calls).toEqual([]);
  });

  it('on a channel that does not take it', async () => {
    const { body } = await signIn({ ...PAGE, origin: 'https://south.test' }, { channel: 'south' }).expect(
      400,
    );
    expect(body.error.code).toBe('INVALID_REQUEST');
    expect(site.calls).toEqual([]);
  });

  it('instead of a password that is wrong or half there', async () => {
    await signIn(PAGE, { channel: 'web', username: 'mira', password: 'wrong' }).expect(401);
    await signIn(PAGE, { channel: 'web', username: 'mira' }).expect(400);
    await signIn(PAGE, { channel: 'web', password: PASSWORD }).expect(400);
    expect(site.calls).toEqual([]);
  });
});

describe('a visitor', () => {
  it('without a session at the site is not signed in, and the site is not asked', async () => {
    const { body } = await signIn({ ...PAGE, cookie: 'theme=dark' }).expect(401);
    expect(body.error.code).toBe('NOT_SIGNED_IN');
    expect(site.calls).toEqual([]);
  });

  it('whose session the site does not know is not signed in', async () => {
    const { body } = await signIn({ ...PAGE, cookie: 'site_sid=over' }).expect(401);
    expect(body.error.code).toBe('NOT_SIGNED_IN');
  });

  it('who is nobody at the site however often locks nobody behind the same address out', async () => {
    for (let i = 0; i < 30; i++) await signIn({ ...PAGE, cookie: `site_sid=over-${i}` }).expect(401);
    await t.signIn('ios');
  });

  it.each<[string, () => void]>([
    [
      'answers with a page',
      () => (site.script = (response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<p>')),
    ],
    [
      'answers 200 with an error inside',
      () => (site.script = (response) => sendJson(response, 200, { error: 'down' })),
    ],
    ['redirects', () => (site.script = (response) => response.writeHead(302, { location: '/login' }).end())],
  ])('is not called signed out when the site %s', async (_what, arrange) => {
    arrange();
    const { body, headers } = await signIn().expect(503);
    expect(body.error.code).toBe('AUTHENTICATOR_UNAVAILABLE');
    expect(headers['retry-after']).toBe('5');
  });

  it('is not called signed out when the site says nothing', async () => {
    await stop();
    await start({ totalTimeoutMs: 300 });
    site.script = () => {};
    const { body, headers } = await signIn().expect(503);
    await stop();
    await start();
    expect(body.error.code).toBe('AUTHENTICATOR_UNAVAILABLE');
    expect(headers['retry-after']).toBe('5');
  });

  it('with 32 KB of cookies is told so, and the service lives', async () => {
    const { status } = await signIn({ ...PAGE, cookie: `site_sid=${'x'.repeat(32_768)}` });
    expect(status).toBe(431);
    await signIn().expect(200);
  });
});

it('no cookie of the site and no reference is in the log or in the audit', async () => {
  await signIn().expect(200);
  await signIn({ ...PAGE, cookie: 'site_sid=sid-unknown' }).expect(401);
  await signed('{"reference":"4711"}').expect(204);
  const { body } = await t.admin.get('/admin/audit').expect(200);
  expect(JSON.stringify([t.logs(), body])).not.toMatch(/sid-mira|sid-unknown|\b4711\b/);
});

describe('a sign-out that the company signed', () => {
  it('ends the cookie session and every token of that customer at once, and of nobody else', async () => {
    const { headers } = await signIn().expect(200);
    const cookie = cookieOf(headers);
    const noor = await t.signInWithCookie('noor');
    t.clock.advance(1_000);
    await signed('{"reference":"4711"}').expect(204);
    await t.api.get('/customer_session').set({ cookie }).expect(401);
    await t.api.get('/customer_session').set({ cookie: noor }).expect(200);
  });

  it('ends a session whose sign-in was under way, as soon as it is there', async () => {
    let release: () => void = () => {};
    let asked: () => void = () => {};
    const waiting = new Promise<void>((resolve) => (asked = resolve));
    site.script = (response) => {
      site.script = undefined;
      site.sessions.clear();
      release = () => sendJson(response, 200, { user: { id: '4711' } });
      asked();
    };
    const call = signIn().then((answer) => answer);
    await waiting;
    await signed('{"reference":"4711"}').expect(204);
    t.clock.advance(1);
    release();
    expect((await call).status).toBe(401);
  });

  it('is answered alike for somebody unknown', async () => {
    await signed('{"reference":"nobody"}').expect(204);
    await signed('{"reference":4711}').expect(204);
  });

  it('leaves an audit record that names the signer and the customer', async () => {
    const { body: session } = await signIn().expect(200);
    await signed('{"reference":"4711"}').expect(204);
    const { body } = await t.admin.get('/admin/audit').expect(200);
    const records = Object.values(body as Record<string, Record<string, unknown>[]>).flat();
    expect(records.find(({ event }) => event === 'customer.sessions_ended')).toMatchObject({
      actor: 'shop-backend',
      customer_id: session.customer_id,
    });
  });

  it.each<[string, (body: string) => ReturnType<typeof signed>, string]>([
    [
      'by a secret that is not configured',
      (body) => signed(body, { secret: OTHER_SECRET }),
      'INVALID_SIGNATURE',
    ],
    ['over other bytes', (body) => signed(body).send('{"reference":"4712"}'), 'INVALID_SIGNATURE'],
    [
      'too long ago',
      (body) => signed(body, { timestampSeconds: Math.floor(t.clock.nowMs() / 1000) - 301 }),
      'TIMESTAMP_EXPIRED',
    ],
    ['by nobody', (body) => t.api.post('/site_sign_out').send(JSON.parse(body)), 'INVALID_SIGNATURE'],
  ])('counts for nothing when it was signed %s', async (_what, call, code) => {
    const cookie = await t.signInWithCookie();
    const { body } = await call('{"reference":"4711"}').expect(401);
    expect(body.error.code).toBe(code);
    await t.api.get('/customer_session').set({ cookie }).expect(200);
  });

  it('counts once', async () => {
    await signed('{"reference":"4711"}').expect(204);
    const { body } = await signed('{"reference":"4711"}').expect(401);
    expect(body.error.code).toBe('SIGNATURE_REPLAYED');
  });

  it.each(['{}', '{"reference":null}', '{"reference":""}', '{"reference":["4711"]}', '[]'])(
    'must name a customer: %s',
    async (text) => {
      await signed(text).expect(400);
    },
  );

  it('outweighs an answer of the site that is still kept', async () => {
    await stop();
    await start({ cacheSeconds: 30 });
    await signIn().expect(200);
    t.clock.advance(1_000);
    site.sessions.clear();
    await signIn().expect(200);
    expect(site.calls).toHaveLength(1);
    await signed('{"reference":"4711"}').expect(204);
    t.clock.advance(1);
    await signIn().expect(401);
  });
});
