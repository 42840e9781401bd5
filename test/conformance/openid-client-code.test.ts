import * as client from 'openid-client';
import { AuthorizationCode } from 'simple-oauth2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBrowser, ownPath, pkce } from '../support/oauth-app.ts';
import { freeLoopbackService, type TestService } from '../support/service-on-loopback.ts';

let t: TestService;
beforeAll(async () => {
  t = await freeLoopbackService();
});
afterAll(() => t.dispose());

const REDIRECT = 'http://127.0.0.1:4711/callback';

async function register(settings: Record<string, unknown> = {}) {
  const { body } = await t.admin
    .post('/admin/clients')
    .send({ partner: 'north', redirect_uris: [REDIRECT], ...settings })
    .expect(201);
  return body as { client_id: string; client_secret: string };
}

async function visit(address: URL): Promise<URL> {
  const browser = createBrowser(t);
  const page = await browser.get(address.pathname + address.search);
  const signedIn = await browser.signIn(page);
  const consent = await browser.get(ownPath(signedIn.headers['location']));
  return new URL((await browser.decide(consent, 'allow')).headers['location'] as string);
}

describe('openid-client', () => {
  it('signs in, renews, asks and revokes by what it discovered', async () => {
    const app = await register();
    const config = await client.discovery(new URL(t.url), app.client_id, app.client_secret, undefined, {
      algorithm: 'oauth2',
      execute: [client.allowInsecureRequests],
    });
    expect(config.serverMetadata().supportsPKCE()).toBe(true);
    const pkceCodeVerifier = client.randomPKCECodeVerifier();
    const expectedState = client.randomState();
    const address = client.buildAuthorizationUrl(config, {
      redirect_uri: REDIRECT,
      scope: 'profile:read',
      code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: 'S256',
      state: expectedState,
    });
    const tokens = await client.authorizationCodeGrant(config, await visit(address), {
      pkceCodeVerifier,
      expectedState,
    });
    expect(tokens.scope).toBe('profile:read');
    const profile = await client.fetchProtectedResource(
      config,
      tokens.access_token,
      new URL(`${t.url}/getprofile`),
      'POST',
    );
    expect(profile.status).toBe(200);
    const renewed = await client.refreshTokenGrant(config, tokens.refresh_token as string);
    expect((await client.tokenIntrospection(config, renewed.access_token)).active).toBe(true);
    await client.tokenRevocation(config, renewed.refresh_token as string);
    expect((await client.tokenIntrospection(config, renewed.access_token)).active).toBe(false);
    await expect(client.refreshTokenGrant(config, renewed.refresh_token as string)).rejects.toMatchObject({
      error: 'invalid_grant',
    });
  });
});

describe('simple-oauth2', () => {
  it.each(['form', 'json'] as const)(
    'gets tokens for a code with %s bodies, and renews them',
    async (bodyFormat) => {
      const app = await register();
      const flow = new AuthorizationCode({
        client: { id: app.client_id, secret: app.client_secret },
        auth: {
          tokenHost: t.url,
          tokenPath: '/oauth/token',
          authorizePath: '/oauth/authorize',
          revokePath: '/oauth/revoke',
        },
        options: { bodyFormat, authorizationMethod: bodyFormat === 'json' ? 'body' : 'header' },
      });
      const { verifier, challenge } = pkce();
      const address = flow.authorizeURL({
        redirect_uri: REDIRECT,
        scope: 'profile:read',
        state: 'state',
        code_challenge: challenge,
        code_challenge_method: 'S256',
      });
      const back = await visit(new URL(address));
      const first = await flow.getToken({
        code: back.searchParams.get('code') as string,
        redirect_uri: REDIRECT,
        code_verifier: verifier,
      });
      expect(first.expired()).toBe(false);
      const second = await first.refresh();
      expect(second.token.refresh_token).not.toBe(first.token.refresh_token);
      await second.revokeAll();
      await expect(second.refresh()).rejects.toThrow('400');
    },
  );
});
