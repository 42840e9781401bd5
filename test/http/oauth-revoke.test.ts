import { decodeJwt } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type AppTokens,
  authorize,
  connect,
  createBrowser,
  formState,
  pkce,
  redemption,
  registerApp,
  renewal,
  type TestApp,
} from '../support/oauth-app.ts';
import { PUBLIC_URL, SHOP_ORIGIN, startService, type TestService } from '../support/service.ts';

let t: TestService;
let app: TestApp;
let tokens: AppTokens;
beforeEach(async () => {
  t = await startService();
  app = await registerApp(t);
  tokens = await connect(t, app);
});
afterEach(() => t.dispose());

const as = ({ clientId, clientSecret }: TestApp) => ({
  client_id: clientId,
  ...(clientSecret === undefined ? {} : { client_secret: clientSecret }),
});
const revoke = (fields: Record<string, string>) => t.api.post('/oauth/revoke').type('form').send(fields);
const introspect = (fields: Record<string, string>) => t.api.post('/oauth/introspect').send(fields);
const profile = (accessToken: string) =>
  t.api.post('/getprofile').set('authorization', `Bearer ${accessToken}`);
const renew = (own: TestApp, token: string) => t.api.post('/oauth/token').send(renewal(own, token));

describe('revocation (RFC 7009)', () => {
  it('ends an access token at once and leaves the family alone', async () => {
    await revoke({ ...as(app), token: tokens.access_token }).expect(200);
    await profile(tokens.access_token).expect(401);
    await renew(app, tokens.refresh_token).expect(200);
  });

  it('of a refresh token ends its family and the access tokens of it, by form or JSON, by an old one too', async () => {
    const { body: second } = await renew(app, tokens.refresh_token).expect(200);
    await t.api
      .post('/oauth/revoke')
      .auth(app.clientId, app.clientSecret as string)
      .send({ token: tokens.refresh_token, token_type_hint: 'refresh_token' })
      .expect(200);
    await renew(app, second.refresh_token).expect(400);
    await profile(tokens.access_token).expect(401);
    await profile(second.access_token).expect(401);
  });

  it("answers alike for an unknown token and somebody else's, which stays good", async () => {
    const other = await registerApp(t);
    for (const token of ['unknown', tokens.access_token, tokens.refresh_token, `${tokens.access_token}x`]) {
      const { text } = await revoke({ ...as(other), token }).expect(200);
      expect(text).toBe('{}');
    }
    await profile(tokens.access_token).expect(200);
    await renew(app, tokens.refresh_token).expect(200);
  });

  it('needs the client to prove itself, and a token', async () => {
    await revoke({ client_id: app.clientId, token: tokens.access_token }).expect(401);
    await revoke({ ...as(app), client_secret: 'wrong', token: tokens.access_token }).expect(401);
    expect((await revoke(as(app)).expect(400)).body.error).toBe('invalid_request');
    await t.api.post(`/oauth/revoke?token=${tokens.access_token}`).send(as(app)).expect(400);
    await profile(tokens.access_token).expect(200);
  });

  it('is open to public clients for their own tokens', async () => {
    const native = await registerApp(t, {
      application_type: 'native',
      redirect_uris: ['com.example.budget:/callback'],
    });
    const own = await connect(t, native);
    await revoke({ client_id: native.clientId, token: own.refresh_token }).expect(200);
    await renew(native, own.refresh_token).expect(400);
  });
});

describe('introspection (RFC 7662)', () => {
  it('tells a client what its own tokens are good for, and that a token of its own for itself is', async () => {
    const claims = decodeJwt(tokens.access_token);
    const { body: access } = await introspect({ ...as(app), token: tokens.access_token }).expect(200);
    expect(access).toEqual({
      active: true,
      client_id: app.clientId,
      scope: 'profile:read',
      sub: claims.sub,
      iss: PUBLIC_URL,
      aud: PUBLIC_URL,
      exp: claims.exp,
      iat: claims.iat,
      jti: claims.jti,
      token_type: 'Bearer',
    });
    const { body: refresh } = await introspect({ ...as(app), token: tokens.refresh_token }).expect(200);
    expect(refresh).toMatchObject({ active: true, sub: claims.sub, scope: 'profile:read' });
    const own = await t.accessToken();
    const mine = { client_id: t.north.clientId, client_secret: t.north.clientSecret };
    expect((await introspect({ ...mine, token: own }).expect(200)).body).toMatchObject({
      active: true,
      sub: t.north.clientId,
    });
  });

  it('says inactive and nothing more of everything else', async () => {
    const other = await registerApp(t);
    const { JWT } = await t.signIn();
    const { body: second } = await renew(app, tokens.refresh_token).expect(200);
    for (const [who, token] of [
      [other, tokens.access_token],
      [other, second.refresh_token],
      [app, tokens.refresh_token],
      [app, JWT],
      [app, 'nothing'],
      [app, `${tokens.access_token}==`],
    ] as const) {
      expect((await introspect({ ...as(who), token }).expect(200)).body).toEqual({ active: false });
    }
    t.clock.advance(600_000);
    expect((await introspect({ ...as(app), token: tokens.access_token }).expect(200)).body).toEqual({
      active: false,
    });
  });

  it('is closed to public clients and strangers', async () => {
    const native = await registerApp(t, {
      application_type: 'native',
      redirect_uris: ['com.example.budget:/callback'],
    });
    await introspect({ client_id: native.clientId, token: tokens.access_token }).expect(401);
    await introspect({ token: tokens.access_token }).expect(401);
  });
});

describe('connected apps', () => {
  const withdraw = (cookie: string, clientId: string) =>
    t.api.delete(`/oauth/grants/${clientId}`).set({ cookie, origin: SHOP_ORIGIN, 'x-symbolon-csrf': '1' });

  it('are listed for the customer and can be removed: every token ends at once', async () => {
    const cookie = await t.signInWithCookie();
    const { body } = await t.api.get('/oauth/grants').set({ cookie, origin: SHOP_ORIGIN }).expect(200);
    expect(body.items).toEqual([
      {
        client_id: app.clientId,
        label: 'Budget App',
        partner: 'north',
        scopes: ['profile:read'],
        granted_at: new Date(t.clock.nowMs()).toISOString(),
      },
    ]);
    await withdraw(cookie, app.clientId).expect(204);
    await profile(tokens.access_token).expect(401);
    await renew(app, tokens.refresh_token).expect(400);
    expect((await t.api.get('/oauth/grants').set({ cookie }).expect(200)).body.items).toEqual([]);
    await withdraw(cookie, app.clientId).expect(404);
    const { challenge } = pkce();
    const browser = createBrowser(t);
    browser.jar.set(
      ...(cookie.split('=', 1).concat(cookie.slice(cookie.indexOf('=') + 1)) as [string, string]),
    );
    const asked = await browser.get(
      `/oauth/authorize?${new URLSearchParams({
        response_type: 'code',
        client_id: app.clientId,
        redirect_uri: app.redirectUri,
        code_challenge: challenge,
        code_challenge_method: 'S256',
      }).toString()}`,
    );
    expect(asked.text).toContain('Connect Budget App?');
  });

  it('show those of every partner, and those of nobody else', async () => {
    const southApp = await registerApp(t, { label: 'South App' }, 'south');
    await connect(t, southApp);
    const mira = await t.signInWithCookie('mira');
    const { body } = await t.api.get('/oauth/grants').set({ cookie: mira }).expect(200);
    expect(body.items.map((item: { label: string }) => item.label).sort()).toEqual([
      'Budget App',
      'South App',
    ]);
    const noor = await t.signInWithCookie('noor');
    expect((await t.api.get('/oauth/grants').set({ cookie: noor }).expect(200)).body.items).toEqual([]);
    await withdraw(noor, app.clientId).expect(404);
    await profile(tokens.access_token).expect(200);
  });

  it('need a session, and a removal the page itself', async () => {
    await t.api.get('/oauth/grants').expect(401);
    const cookie = await t.signInWithCookie();
    await t.api.delete(`/oauth/grants/${app.clientId}`).set({ cookie, origin: SHOP_ORIGIN }).expect(403);
    await t.api
      .delete(`/oauth/grants/${app.clientId}`)
      .set({ cookie, origin: 'https://evil.test', 'x-symbolon-csrf': '1' })
      .expect(403);
    await profile(tokens.access_token).expect(200);
  });

  it("are neither shown to a page of another partner's channel nor removed by it", async () => {
    const cookie = await t.signInWithCookie();
    const foreign = { cookie, origin: 'https://south.test', 'x-symbolon-csrf': '1' };
    expect((await t.api.get('/oauth/grants').set(foreign).expect(403)).body).not.toHaveProperty('items');
    await t.api.delete(`/oauth/grants/${app.clientId}`).set(foreign).expect(403);
    await profile(tokens.access_token).expect(200);
  });

  it('have a page with a sign-in of its own, on which access is removed', async () => {
    const browser = createBrowser(t);
    const signedIn = await browser.signIn(await browser.get('/oauth/connected-apps'));
    const page = await browser.get(signedIn.headers['location'] as string);
    expect(page.text).toContain('Budget App');
    const fields = { form: formState(page.text), client_id: app.clientId };
    const removed = await browser.post('/oauth/connected-apps', fields);
    expect(removed.status).toBe(303);
    const after = await browser.get(removed.headers['location'] as string);
    expect(after.text).toContain('No app has access');
    await renew(app, tokens.refresh_token).expect(400);
    expect((await browser.post('/oauth/connected-apps', fields)).status).toBe(403);
  });

  it('that are removed while a code is under way get nothing for it', async () => {
    const { verifier, challenge } = pkce();
    const code = (await authorize(t, app, { challenge })).get('code') as string;
    await withdraw(await t.signInWithCookie(), app.clientId).expect(204);
    await t.api
      .post('/oauth/token')
      .send(redemption(app, code, verifier))
      .expect(400);
  });

  it('end with a sign-out everywhere', async () => {
    const cookie = await t.signInWithCookie();
    await t.api
      .delete('/customer_session?everywhere=true')
      .set({ cookie, origin: SHOP_ORIGIN, 'x-symbolon-csrf': '1' })
      .expect(204);
    await profile(tokens.access_token).expect(401);
    await renew(app, tokens.refresh_token).expect(400);
  });
});
