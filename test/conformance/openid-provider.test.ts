import * as oauth from 'oauth4webapi';
import * as client from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBrowser, ownPath, type TestBrowser } from '../support/oauth-app.ts';
import { freeLoopbackService, type TestService } from '../support/service-on-loopback.ts';

let t: TestService;
beforeAll(async () => {
  t = await freeLoopbackService();
});
afterAll(() => t.dispose());

const REDIRECT = 'http://127.0.0.1:4711/chat';

/** A chat vendor of the company: nobody is asked for consent. */
async function register(settings: Record<string, unknown> = {}) {
  const { body } = await t.admin
    .post('/admin/clients')
    .send({
      partner: 'north',
      label: 'Vendor',
      party: 'first',
      redirect_uris: [REDIRECT],
      openid: true,
      ...settings,
    })
    .expect(201);
  return body as { client_id: string; client_secret: string };
}

/** Signs in where needed, and returns where the vendor is called back. */
async function visit(address: URL, browser: TestBrowser = createBrowser(t)): Promise<URL> {
  let answer = await browser.get(address.pathname + address.search);
  if (answer.status === 200) {
    const signedIn = await browser.signIn(answer);
    answer = await browser.get(ownPath(signedIn.headers['location']));
  }
  return new URL(answer.headers['location'] as string);
}

async function signOut(browser: TestBrowser): Promise<void> {
  const cookie = [...browser.jar].map(([name, value]) => `${name}=${value}`).join('; ');
  await t.api.delete('/customer_session').set({ cookie, 'x-symbolon-csrf': '1', origin: t.url }).expect(204);
}

describe('openid-client as the vendor', () => {
  const discover = (vendor: { client_id: string; client_secret: string }) =>
    client.discovery(new URL(t.url), vendor.client_id, vendor.client_secret, undefined, {
      execute: [client.allowInsecureRequests],
    });

  it('discovers, signs in by redirect, asks userinfo, renews, and is out when the customer signs out', async () => {
    const vendor = await register({ openid: { claims: { membership: 'plan' } } });
    const config = await discover(vendor);
    expect(config.serverMetadata()).toMatchObject({
      id_token_signing_alg_values_supported: ['RS256'],
      subject_types_supported: ['pairwise'],
    });
    const browser = createBrowser(t);
    const pkceCodeVerifier = client.randomPKCECodeVerifier();
    const expectedState = client.randomState();
    const expectedNonce = client.randomNonce();
    const address = client.buildAuthorizationUrl(config, {
      redirect_uri: REDIRECT,
      scope: 'openid',
      code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: 'S256',
      state: expectedState,
      nonce: expectedNonce,
      max_age: '600',
    });
    const tokens = await client.authorizationCodeGrant(config, await visit(address, browser), {
      pkceCodeVerifier,
      expectedState,
      expectedNonce,
      maxAge: 600,
      idTokenExpected: true,
    });
    const sub = tokens.claims()?.sub as string;
    expect(sub).toMatch(/^c1[a-z2-7]{32}$/);
    expect(await client.fetchUserInfo(config, tokens.access_token, sub)).toEqual({ sub, membership: 'gold' });

    const renewed = await client.refreshTokenGrant(config, tokens.refresh_token as string);
    expect(renewed.claims()).toMatchObject({ sub, aud: vendor.client_id });
    await signOut(browser);
    await expect(client.refreshTokenGrant(config, renewed.refresh_token as string)).rejects.toMatchObject({
      error: 'invalid_grant',
    });
    await expect(client.fetchUserInfo(config, renewed.access_token, sub)).rejects.toMatchObject({
      status: 401,
    });
  });

  it('notices a code of another sign-in by its nonce', async () => {
    const config = await discover(await register({ openid: { pkce: 'vendor' } }));
    const request = (nonce: string) =>
      client.buildAuthorizationUrl(config, { redirect_uri: REDIRECT, scope: 'openid', nonce, state: 'same' });
    const back = await visit(request('of-the-attacker'));
    await expect(
      client.authorizationCodeGrant(config, back, {
        expectedState: 'same',
        expectedNonce: 'of-the-customer',
      }),
    ).rejects.toMatchObject({
      code: 'OAUTH_JWT_CLAIM_COMPARISON_FAILED',
      cause: { cause: { claim: 'nonce' } },
    });
  });

  it('refuses the ID token of another client', async () => {
    const one = await discover(await register());
    const two = await discover(await register());
    const pkceCodeVerifier = client.randomPKCECodeVerifier();
    const address = client.buildAuthorizationUrl(one, {
      redirect_uri: REDIRECT,
      scope: 'openid',
      code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: 'S256',
    });
    await expect(
      client.authorizationCodeGrant(two, await visit(address), { pkceCodeVerifier }),
    ).rejects.toMatchObject({ error: 'invalid_grant' });
  });
});

describe('oauth4webapi as the vendor', () => {
  it('verifies the signature by our key set, at_hash and auth_time, with a nonce in place of PKCE', async () => {
    const vendor = await register({ openid: { pkce: 'vendor', acr: 'loa1' } });
    const insecure = { [oauth.allowInsecureRequests]: true };
    const issuer = new URL(t.url);
    const discovered = await oauth.discoveryRequest(issuer, { algorithm: 'oidc', ...insecure });
    const as = await oauth.processDiscoveryResponse(issuer, discovered);
    const party: oauth.Client = { client_id: vendor.client_id, require_auth_time: true };
    const state = oauth.generateRandomState();
    const nonce = oauth.generateRandomNonce();
    const address = new URL(as.authorization_endpoint as string);
    for (const [name, value] of Object.entries({
      client_id: vendor.client_id,
      redirect_uri: REDIRECT,
      response_type: 'code',
      scope: 'openid profile email',
      state,
      nonce,
    })) {
      address.searchParams.set(name, value);
    }
    const parameters = oauth.validateAuthResponse(as, party, await visit(address), state);
    const auth = oauth.ClientSecretPost(vendor.client_secret);
    const answer = await oauth.authorizationCodeGrantRequest(
      as,
      party,
      auth,
      parameters,
      REDIRECT,
      oauth.nopkce,
      insecure,
    );
    const tokens = await oauth.processAuthorizationCodeResponse(as, party, answer, {
      expectedNonce: nonce,
      requireIdToken: true,
    });
    await oauth.validateApplicationLevelSignature(as, answer, insecure);
    const claims = oauth.getValidatedIdTokenClaims(tokens);
    expect(claims).toMatchObject({ acr: 'loa1', sid: expect.any(String) });

    const asked = await oauth.userInfoRequest(as, party, tokens.access_token, insecure);
    const info = await oauth.processUserInfoResponse(as, party, claims?.sub as string, asked);
    expect(info.sub).toBe(claims?.sub);
  });
});
