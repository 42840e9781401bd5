import { afterEach, describe, expect, it } from 'vitest';
import { registerApp } from '../support/oauth-app.ts';
import { rawRequest } from '../support/raw-request.ts';
import { PUBLIC_URL, startService, type TestService } from '../support/service.ts';

let t: TestService;
afterEach(() => t.dispose());

describe('the metadata', () => {
  it.each(['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration'])(
    'is true: every endpoint and method that %s names works, and no other is named',
    async (path) => {
      t = await startService();
      const { body } = await t.api.get(path).expect(200);
      expect(body.issuer).toBe(PUBLIC_URL);
      for (const [name, value] of Object.entries(body as Record<string, unknown>)) {
        if (!/_endpoint$|_uri$/.test(name)) continue;
        expect(String(value).startsWith(`${PUBLIC_URL}/`)).toBe(true);
        const path = String(value).slice(PUBLIC_URL.length);
        const [get, post] = [await fetch(t.url + path), await fetch(t.url + path, { method: 'POST' })];
        expect([get.status, post.status]).not.toContain(404);
      }
      expect(body.token_endpoint_auth_methods_supported).toEqual(
        expect.arrayContaining(['client_secret_basic', 'client_secret_post']),
      );
      expect(body.grant_types_supported).not.toContain('password');
      expect(body.grant_types_supported).not.toContain('implicit');
    },
  );

  it('is the same whatever the request says of host and scheme', async () => {
    t = await startService();
    const { text } = await t.api
      .get('/.well-known/oauth-authorization-server')
      .set({
        host: 'evil.test',
        'x-forwarded-host': 'evil.test',
        'x-forwarded-proto': 'http',
        forwarded: 'host=evil.test',
      })
      .expect(200);
    expect(text).not.toContain('evil');
    expect(JSON.parse(text).issuer).toBe(PUBLIC_URL);
  });
});

it('key set and metadata may be cached, for no longer than a rotation needs', async () => {
  t = await startService();
  for (const path of [
    '/.well-known/jwks.json',
    '/.well-known/oauth-authorization-server',
    '/.well-known/openid-configuration',
  ]) {
    const { headers } = await t.api.get(path).expect(200);
    const seconds = Number(/^public, max-age=(\d+)$/.exec(headers['cache-control'] ?? '')?.[1]);
    expect(seconds).toBeGreaterThanOrEqual(60);
    expect(seconds).toBeLessThanOrEqual(86_400);
  }
});

it('the key of ID tokens is in the key set before there is an OpenID client, so that no cached set lacks it', async () => {
  t = await startService();
  const before = (await t.api.get('/.well-known/jwks.json').expect(200)).text;
  await registerApp(t, { scopes: [], party: 'first', openid: true });
  expect((await t.api.get('/.well-known/jwks.json').expect(200)).text).toBe(before);
  const { body } = await t.admin.get('/admin/signing-keys').expect(200);
  const own = (body as { items: { ring: string; kid: string }[] }).items.find(({ ring }) => ring === 'id');
  expect((JSON.parse(before) as { keys: { kid: string }[] }).keys.map(({ kid }) => kid)).toContain(own?.kid);
});

it('asking for the key of proofs for chat vendors makes none where no channel wants one', async () => {
  t = await startService();
  const before = (await t.api.get('/.well-known/jwks.json').expect(200)).text;
  const { body } = await t.api.get('/.well-known/vendor-keys.pem').expect(404);
  expect(body.error.code).toBe('NOT_FOUND');
  expect((await t.api.get('/.well-known/jwks.json').expect(200)).text).toBe(before);
});

describe('a public address with a path', () => {
  const start = () =>
    startService({ settings: (all) => ({ ...all, public_url: 'https://shop.test/identity/' }) });

  it('serves every endpoint below it, aliases too, and at the root for a proxy that strips it', async () => {
    t = await start();
    const credentials = { username: 'mira', password: 'x', channel: 'ios' };
    for (const path of ['/customer_authenticate', '/auth/customer_authenticate']) {
      await t.api.post(path).send(credentials).expect(401);
      await t.api.post(`/identity${path}`).send(credentials).expect(401);
    }
    for (const path of ['/access_token', '/oauth/access_token', '/oauth/token']) {
      await t.api.post(`/identity${path}`).expect(400);
    }
    for (const path of ['/getprofile', '/account/getprofile'])
      await t.api.post(`/identity${path}`).expect(401);
    await t.api.get('/identity/health/live').expect(200);
    await t.api.get('/identity').expect(404);
    await t.api.get('/identityhealth/live').expect(404);
    await t.api.get('/identity/identity/health/live').expect(404);
  });

  it('prints only addresses below it, and has the metadata where RFC 8414 section 3.1 puts it', async () => {
    t = await start();
    const { body } = await t.api.get('/identity/.well-known/oauth-authorization-server').expect(200);
    expect(body.issuer).toBe('https://shop.test/identity');
    expect(body.token_endpoint).toBe('https://shop.test/identity/oauth/token');
    expect(body.jwks_uri).toBe('https://shop.test/identity/.well-known/jwks.json');
    const response = await fetch(`${t.url}/.well-known/oauth-authorization-server/identity`);
    expect(await response.json()).toEqual(body);
    // OpenID Connect Discovery 1.0 section 4 puts it behind the path.
    const provider = await t.api.get('/identity/.well-known/openid-configuration').expect(200);
    expect(provider.body).toMatchObject({
      ...body,
      userinfo_endpoint: 'https://shop.test/identity/oauth/userinfo',
      scopes_supported: ['openid', ...body.scopes_supported],
    });
  });

  it('keeps the cookie for the whole host, as its __Host- name demands', async () => {
    t = await start();
    const { headers } = await t.api
      .post('/identity/customer_authenticate')
      .send({ username: 'mira', password: 'correct horse battery staple', channel: 'web' })
      .set('origin', 'https://shop.test')
      .expect(200);
    expect(String(headers['set-cookie'])).toMatch(/^__Host-symbolon=.*; Path=\/;/);
  });
});

it('paths are what they are: no other case, no slash at the end, no detour', async () => {
  t = await startService();
  const send = (path: string) =>
    rawRequest(t.url, `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`);
  expect((await send('/getprofile')).status).toBe(401);
  for (const path of [
    '/GetProfile',
    '/getprofile/',
    '//getprofile',
    '/getprofile/x',
    '/x/../getprofile',
    '/./getprofile',
    '/getprofile%2f',
    '/getprofile;x=1',
  ]) {
    expect([path, (await send(path)).status]).toEqual([path, 404]);
  }
});
