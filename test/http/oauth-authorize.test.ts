import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  authorize,
  authorizeAddress,
  CALLBACK,
  connect,
  createBrowser,
  formState,
  ownPath,
  pkce,
  redemption,
  registerApp,
  type TestApp,
} from '../support/oauth-app.ts';
import { PASSWORD, PUBLIC_URL, startService, type TestService } from '../support/service.ts';

let t: TestService;
let app: TestApp;
beforeAll(async () => {
  t = await startService();
  app = await registerApp(t);
});
afterAll(() => t.dispose());

const { verifier, challenge } = pkce();

describe('the authorization endpoint', () => {
  it('leads from sign-in over consent to a code, a customer token for the app, and the profile', async () => {
    const browser = createBrowser(t);
    const first = await browser.get(authorizeAddress(app, challenge));
    expect(first.status).toBe(200);
    expect(first.text).toContain('Budget App');
    const signedIn = await browser.signIn(first);
    expect(signedIn.status).toBe(303);
    const consent = await browser.get(ownPath(signedIn.headers['location']));
    expect(consent.text).toContain('Connect Budget App?');
    for (const words of ['Plan', 'Balance', 'Lines', 'app.test']) expect(consent.text).toContain(words);
    const agreed = await browser.decide(consent, 'allow');
    expect(agreed.status).toBe(303);
    const back = new URL(agreed.headers['location'] as string);
    expect(back.origin + back.pathname).toBe(CALLBACK);
    expect(back.searchParams.get('iss')).toBe(PUBLIC_URL);
    expect(back.searchParams.get('state')).toBe('a state+/&= with everything');
    const { body } = await t.api
      .post('/oauth/token')
      .type('form')
      .send(redemption(app, back.searchParams.get('code') as string, verifier))
      .expect(200);
    expect(body).toMatchObject({ token_type: 'Bearer', expires_in: 600, scope: 'profile:read' });
    const claims = decodeJwt(body.access_token);
    expect(claims.sub).toMatch(/^c1[a-z2-7]{32}$/);
    expect(claims).toMatchObject({ client_id: app.clientId, iss: PUBLIC_URL, aud: PUBLIC_URL });
    expect(JSON.stringify(claims)).not.toMatch(/\b4711\b/);

    const profile = await t.api
      .post('/getprofile')
      .set('authorization', `Bearer ${body.access_token}`)
      .expect(200);
    expect(profile.body.customer_id).toBe(claims.sub);
    expect(profile.body.profile).toHaveProperty('plan');
  });

  it('takes a form or a JSON body when the code is redeemed, in either rendering', async () => {
    for (const [path, type] of [
      ['/oauth/token', 'json'],
      ['/access_token', 'form'],
      ['/access_token', 'json'],
    ] as const) {
      const answer = await authorize(t, app, { challenge });
      const { body } = await t.api
        .post(path)
        .type(type)
        .send(redemption(app, answer.get('code') as string, verifier))
        .expect(200);
      expect(body.refresh_token).toMatch(/^rt_/);
      expect(typeof body.expires_in).toBe(path === '/oauth/token' ? 'number' : 'string');
    }
  });

  it('takes the same request as a form, and sends the browser to the address that says it', async () => {
    const address = new URL(authorizeAddress(app, challenge), PUBLIC_URL);
    const post = (path = address.pathname) =>
      t.api.post(path).type('form').set({ origin: 'https://app.test', 'sec-fetch-site': 'cross-site' });
    const sent = await post().send(address.searchParams.toString()).expect(303);
    const next = new URL(sent.headers['location'] as string, PUBLIC_URL);
    expect(next.pathname).toBe(address.pathname);
    expect(Object.fromEntries(next.searchParams)).toEqual(Object.fromEntries(address.searchParams));
    expect(sent.headers['set-cookie']).toBeUndefined();
    const page = await createBrowser(t).get(ownPath(sent.headers['location']));
    expect(page.text).toContain('Budget App');
    await post(address.pathname + address.search)
      .send(address.searchParams.toString())
      .expect(400);
    await post().send('scope=a&scope=b').expect(400);
    await post()
      .send(`state=${'x'.repeat(9_000)}`)
      .expect(400);
    await t.api.post(address.pathname).send({ client_id: app.clientId }).expect(415);
  });

  it('asks nobody twice for the same scopes, and asks again for a new one', async () => {
    const small = await registerApp(t, { scopes: ['profile:read', 'whoami'] });
    const browser = createBrowser(t);
    await authorize(t, small, { browser, challenge, change: { scope: 'whoami' } });
    const again = await browser.get(authorizeAddress(small, challenge, { scope: 'whoami' }));
    expect(again.status).toBe(303);
    expect(again.headers['location']).toContain('code=');
    const more = await browser.get(authorizeAddress(small, challenge));
    expect(more.status).toBe(200);
    expect(more.text).toContain('Connect Budget App?');
  });

  it('asks again when the partner may see a field that was not on the page', async () => {
    const own = await registerApp(t);
    const browser = createBrowser(t);
    await authorize(t, own, { browser, challenge });
    const fields = ['plan', 'balance', 'lines', 'unmapped', 'birthday'];
    await t.admin.patch('/admin/partners/north').send({ visible_fields: fields }).expect(200);
    const again = await browser.get(authorizeAddress(own, challenge));
    expect(again.status).toBe(200);
    expect(again.text).toContain('Birthday');
    await t.admin
      .patch('/admin/partners/north')
      .send({ visible_fields: fields.slice(0, 4) })
      .expect(200);
  });

  it("does not ask about the company's own app", async () => {
    const own = await registerApp(t, { party: 'first' });
    const browser = createBrowser(t);
    const page = await browser.get(authorizeAddress(own, challenge));
    const signedIn = await browser.signIn(page);
    const answer = await browser.get(ownPath(signedIn.headers['location']));
    expect(answer.status).toBe(303);
    expect(answer.headers['location']).toContain('code=');
  });

  it('tells the app when the customer does not agree, and remembers nothing', async () => {
    const own = await registerApp(t);
    const browser = createBrowser(t);
    const signedIn = await browser.signIn(await browser.get(authorizeAddress(own, challenge)));
    const path = ownPath(signedIn.headers['location']);
    const denied = await browser.decide(await browser.get(path), 'deny');
    const back = new URL(denied.headers['location'] as string).searchParams;
    expect(back.get('error')).toBe('access_denied');
    expect(back.get('iss')).toBe(PUBLIC_URL);
    expect(back.get('state')).toBe('a state+/&= with everything');
    expect(back.has('code')).toBe(false);
    expect((await browser.get(path)).status).toBe(200);
  });

  it('lets somebody else sign in instead', async () => {
    const browser = createBrowser(t);
    const own = await registerApp(t);
    const signedIn = await browser.signIn(await browser.get(authorizeAddress(own, challenge)));
    const consent = await browser.get(ownPath(signedIn.headers['location']));
    const switched = await browser.decide(consent, 'switch');
    const page = await browser.get(ownPath(switched.headers['location']));
    expect(page.text).toContain('name="password"');
  });

  it("gives another partner's app another identifier of the same person, without a second sign-in", async () => {
    const southApp = await registerApp(t, {}, 'south');
    const browser = createBrowser(t);
    const north = decodeJwt((await connect(t, app, { browser })).access_token);
    const page = await browser.get(authorizeAddress(southApp, challenge));
    expect(page.text).toContain('Connect Budget App?');
    const south = decodeJwt((await connect(t, southApp, { browser })).access_token);
    expect(south.sub).toMatch(/^c1/);
    expect(south.sub).not.toBe(north.sub);
  });
});

describe('a client or redirect address that cannot be trusted', () => {
  it.each([
    ['an unknown client', { client_id: 'cl_00000000000000000000' }],
    ['no client', { client_id: undefined }],
    ['a client id that is none', { client_id: '<script>evil</script>' }],
    ['no redirect address', { redirect_uri: undefined }],
    ['a foreign address', { redirect_uri: 'https://evil.test/callback' }],
    ['one character more', { redirect_uri: `${CALLBACK}/` }],
    ['one character less', { redirect_uri: CALLBACK.slice(0, -1) }],
    ['another case', { redirect_uri: 'https://app.test/Callback' }],
    ['a query', { redirect_uri: `${CALLBACK}?next=evil` }],
    ['a fragment', { redirect_uri: `${CALLBACK}#evil` }],
    ['plain http', { redirect_uri: 'http://app.test/callback' }],
    ['a port', { redirect_uri: 'https://app.test:443/callback' }],
    ['user info', { redirect_uri: 'https://app.test@evil.test/callback' }],
    ['a path that climbs', { redirect_uri: 'https://app.test/x/../callback' }],
    ['a host that only begins so', { redirect_uri: 'https://app.test.evil.test/callback' }],
    ['script', { redirect_uri: 'javascript:evil()' }],
  ])('is shown on a page and never redirected: %s', async (_what, change) => {
    const answer = await t.api.get(authorizeAddress(app, challenge, change));
    expect(answer.status).toBe(400);
    expect(answer.headers['content-type']).toContain('text/html');
    expect(answer.headers).not.toHaveProperty('location');
    expect(answer.text).not.toContain('evil');
  });

  it('is shown on a page also for a repeated parameter', async () => {
    const address = `${authorizeAddress(app, challenge)}&redirect_uri=https%3A%2F%2Fevil.test`;
    const answer = await t.api.get(address).expect(400);
    expect(answer.headers).not.toHaveProperty('location');
  });

  it('is shown on a page for a revoked client', async () => {
    const gone = await registerApp(t);
    await t.admin.post(`/admin/clients/${gone.clientId}/revoke`).expect(200);
    const answer = await t.api.get(authorizeAddress(gone, challenge)).expect(400);
    expect(answer.headers).not.toHaveProperty('location');
  });
});

describe('a request that is wrong', () => {
  it.each([
    ['no response type', 'invalid_request', { response_type: undefined }],
    ['the implicit grant', 'unsupported_response_type', { response_type: 'token' }],
    ['a hybrid', 'unsupported_response_type', { response_type: 'code token' }],
    ['another response mode', 'invalid_request', { response_mode: 'fragment' }],
    ['no challenge', 'invalid_request', { code_challenge: undefined }],
    ['a plain challenge', 'invalid_request', { code_challenge_method: 'plain' }],
    ['no challenge method, which means plain', 'invalid_request', { code_challenge_method: undefined }],
    ['a short challenge', 'invalid_request', { code_challenge: 'abc' }],
    ['a scope beyond the client', 'invalid_scope', { scope: 'profile:read whoami' }],
    ['a scope that is none', 'invalid_scope', { scope: 'profile:read  profile:read' }],
    ['a foreign resource', 'invalid_target', { resource: 'https://elsewhere.test' }],
    ['a foreign channel', 'invalid_request', { channel: 'south' }],
    ['a request object', 'request_not_supported', { request: 'eyJ' }],
    ['a request address', 'request_uri_not_supported', { request_uri: 'https://evil.test/r' }],
  ])('is told to the app: %s', async (_what, error, change) => {
    const { headers } = await t.api.get(authorizeAddress(app, challenge, change)).expect(303);
    const back = new URL(headers['location'] as string);
    expect(back.origin + back.pathname).toBe(CALLBACK);
    expect(Object.fromEntries(back.searchParams)).toMatchObject({
      error,
      state: 'a state+/&= with everything',
      iss: PUBLIC_URL,
    });
    expect(back.searchParams.get('error_description')).toMatch(/^[\x20-\x21\x23-\x5B\x5D-\x7E]+$/);
  });

  it('keeps the query of a registered redirect address', async () => {
    const own = await registerApp(t, { redirect_uris: ['https://app.test/cb?tenant=7&x=%20'] });
    const { headers } = await t.api.get(authorizeAddress(own, challenge, { scope: 'none' })).expect(303);
    expect(headers['location']).toMatch(/^https:\/\/app\.test\/cb\?tenant=7&x=%20&error=invalid_scope&/);
  });
});

describe('native applications', () => {
  it('may use any port of their loopback address, and no other address', async () => {
    const native = await registerApp(t, {
      application_type: 'native',
      redirect_uris: ['http://127.0.0.1/cb', 'com.example.budget:/callback'],
    });
    expect(native.clientSecret).toBeUndefined();
    for (const uri of ['http://127.0.0.1:51234/cb', 'http://127.0.0.1/cb', 'com.example.budget:/callback']) {
      await t.api.get(authorizeAddress(native, challenge, { redirect_uri: uri })).expect(200);
    }
    for (const uri of [
      'http://127.0.0.1:51234/cb2',
      'http://127.0.0.1:99999/cb',
      'http://127.0.0.2:51234/cb',
      'http://[::1]:51234/cb',
      'https://127.0.0.1/cb',
      'com.example.budget:/callback/',
    ]) {
      await t.api.get(authorizeAddress(native, challenge, { redirect_uri: uri })).expect(400);
    }
    const web = await registerApp(t, { redirect_uris: ['https://app.test/cb'] });
    await t.api
      .get(authorizeAddress(web, challenge, { redirect_uri: 'https://app.test:8443/cb' }))
      .expect(400);
  });

  it('redeem their code without a secret, and a confidential client does not', async () => {
    const native = await registerApp(t, {
      application_type: 'native',
      redirect_uris: ['com.example.budget:/callback'],
    });
    const tokens = await connect(t, native);
    expect(tokens.refresh_token).toMatch(/^rt_/);
    const answer = await authorize(t, app, { challenge });
    const { client_secret: _secret, ...without } = redemption(app, answer.get('code') as string, verifier);
    await t.api.post('/oauth/token').type('form').send(without).expect(401);
  });
});

describe('the pages', () => {
  it('carry no script, no inline style, and may be framed by nobody', async () => {
    const page = await t.api.get(authorizeAddress(app, challenge)).expect(200);
    expect(page.headers['content-security-policy']).toContain("frame-ancestors 'none'");
    expect(page.headers['x-frame-options']).toBe('DENY');
    expect(page.headers['referrer-policy']).toBe('no-referrer');
    expect(page.headers['cache-control']).toBe('no-store');
    expect(page.text).not.toMatch(/<script|style=|onclick/);
    const style = /href="([^"]+\.css)"/.exec(page.text)?.[1] as string;
    const css = await fetch(t.url + style);
    expect(css.headers.get('content-type')).toBe('text/css; charset=utf-8');
  });

  it('show what a partner or an app is called as text, never as markup', async () => {
    const rude = await registerApp(t, { label: '<img src=x onerror=alert(1)>"\'' });
    const page = await t.api.get(authorizeAddress(rude, challenge)).expect(200);
    expect(page.text).not.toContain('<img');
    expect(page.text).toContain('&lt;img src=x onerror=alert(1)&gt;&quot;&#39;');
  });

  it('answer a wrong password and an unknown name alike, and never show the password again', async () => {
    const answers = [];
    for (const [username, password] of [
      ['mira', 'wrong password 1'],
      ['nobody', 'wrong password 1'],
    ] as const) {
      const browser = createBrowser(t);
      const page = await browser.get(authorizeAddress(app, challenge));
      const answer = await browser.signIn(page, username, password);
      expect(answer.status).toBe(401);
      expect(answer.text).not.toContain(password);
      answers.push(answer.text.replaceAll(username, 'NAME').replaceAll(formState(answer.text), 'STATE'));
    }
    expect(answers[0]).toBe(answers[1]);
  });

  it('share the throttle of /customer_authenticate', async () => {
    const browser = createBrowser(t);
    for (let tries = 0; tries < 20; tries++) {
      await t.api
        .post('/customer_authenticate')
        .send({ username: 'noor', password: 'wrong password', channel: 'ios' })
        .expect(401);
    }
    const answer = await browser.signIn(await browser.get(authorizeAddress(app, challenge)), 'noor');
    expect(answer.status).toBe(429);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    expect(answer.text).toContain('Too many failed sign-ins');
  });

  it('refuse a form that another site sent', async () => {
    for (const headers of [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { origin: 'https://evil.test' },
    ] as Record<string, string>[]) {
      const page = await t.api.get(authorizeAddress(app, challenge)).expect(200);
      await t.api
        .post('/oauth/sign-in')
        .set('cookie', (page.headers['set-cookie'] as unknown as string[]).join('; '))
        .set(headers)
        .type('form')
        .send({ form: formState(page.text), username: 'mira', password: PASSWORD })
        .expect(403);
    }
  });

  it('refuse a form state of another browser, another form, an old one, and a second use', async () => {
    const browser = createBrowser(t);
    const page = await browser.get(authorizeAddress(app, challenge));
    const stranger = createBrowser(t);
    await stranger.get(authorizeAddress(app, challenge));
    expect((await stranger.signIn(page)).status).toBe(403);
    expect((await browser.post('/oauth/sign-in', { username: 'mira', password: PASSWORD })).status).toBe(403);
    const signedIn = await browser.signIn(page);
    expect(signedIn.status).toBe(303);
    expect((await browser.signIn(page)).status).toBe(403);
    const own = await registerApp(t);
    const consent = await browser.get(authorizeAddress(own, challenge));
    expect(
      (await browser.post('/oauth/consent', { form: formState(page.text), decision: 'allow' })).status,
    ).toBe(403);
    expect((await browser.decide(consent, 'allow')).status).toBe(303);
    expect((await browser.decide(consent, 'allow')).status).toBe(403);
    const other = await registerApp(t);
    const late = await browser.get(authorizeAddress(other, challenge));
    t.clock.advance(16 * 60_000);
    expect((await browser.decide(late, 'allow')).status).toBe(403);
  });

  it("cannot be used with another session's consent form", async () => {
    const own = await registerApp(t);
    const [mira, other] = [createBrowser(t), createBrowser(t)];
    const path = authorizeAddress(own, challenge);
    const signIn = async (browser: typeof mira) => {
      const answer = await browser.signIn(await browser.get(path));
      return browser.get(ownPath(answer.headers['location']));
    };
    const page = await signIn(mira);
    await signIn(other);
    expect((await other.decide(page, 'allow')).status).toBe(403);
    expect((await createBrowser(t).decide(page, 'allow')).status).toBe(401);
  });
});
