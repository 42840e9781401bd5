import * as oauth from 'oauth4webapi';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBrowser, ownPath } from '../support/oauth-app.ts';
import { freeLoopbackService, type TestService } from '../support/service-on-loopback.ts';

/** A client library that takes nothing that the standards do not allow. */
const insecure = { [oauth.allowInsecureRequests]: true };

let t: TestService;
let issuer: URL;
let as: oauth.AuthorizationServer;
beforeAll(async () => {
  t = await freeLoopbackService();
  issuer = new URL(t.url);
  const discovered = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure });
  as = await oauth.processDiscoveryResponse(issuer, discovered);
});
afterAll(() => t.dispose());

const REDIRECT = 'http://127.0.0.1:4711/callback';

async function register(
  settings: Record<string, unknown>,
): Promise<{ client: oauth.Client; secret: string }> {
  const { body } = await t.admin
    .post('/admin/clients')
    .send({ partner: 'north', ...settings })
    .expect(201);
  return { client: { client_id: body.client_id }, secret: body.client_secret };
}

/** Drives the pages as a browser would, and returns the address that the app is called back with. */
async function visit(address: URL): Promise<URL> {
  const browser = createBrowser(t);
  const page = await browser.get(address.pathname + address.search);
  const signedIn = await browser.signIn(page);
  const consent = await browser.get(ownPath(signedIn.headers['location']));
  return new URL((await browser.decide(consent, 'allow')).headers['location'] as string);
}

async function codeGrant(client: oauth.Client, auth: oauth.ClientAuth) {
  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  const address = new URL(as.authorization_endpoint as string);
  for (const [name, value] of Object.entries({
    client_id: client.client_id,
    redirect_uri: REDIRECT,
    response_type: 'code',
    scope: 'profile:read',
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
  })) {
    address.searchParams.set(name, value);
  }
  const parameters = oauth.validateAuthResponse(as, client, await visit(address), state);
  const answer = await oauth.authorizationCodeGrantRequest(
    as,
    client,
    auth,
    parameters,
    REDIRECT,
    verifier,
    insecure,
  );
  return oauth.processAuthorizationCodeResponse(as, client, answer);
}

describe('oauth4webapi', () => {
  it('finds the endpoints, gets tokens for a code, renews, introspects and revokes them', async () => {
    const { client, secret } = await register({ redirect_uris: [REDIRECT] });
    const auth = oauth.ClientSecretBasic(secret);
    const tokens = await codeGrant(client, auth);
    expect(tokens.refresh_token).toBeDefined();

    const refreshed = await oauth.processRefreshTokenResponse(
      as,
      client,
      await oauth.refreshTokenGrantRequest(as, client, auth, tokens.refresh_token as string, insecure),
    );
    expect(refreshed.refresh_token).not.toBe(tokens.refresh_token);

    const introspect = async () =>
      oauth.processIntrospectionResponse(
        as,
        client,
        await oauth.introspectionRequest(as, client, auth, refreshed.access_token, insecure),
      );
    expect(await introspect()).toMatchObject({ active: true, client_id: client.client_id });
    await oauth.processRevocationResponse(
      await oauth.revocationRequest(as, client, auth, refreshed.refresh_token as string, insecure),
    );
    expect(await introspect()).toEqual({ active: false });
  });

  it('accepts the access token as RFC 9068 describes it', async () => {
    const { client, secret } = await register({ redirect_uris: [REDIRECT] });
    const tokens = await codeGrant(client, oauth.ClientSecretPost(secret));
    const request = new Request(`${t.url}/getprofile`, {
      headers: { authorization: `Bearer ${tokens.access_token}` },
    });
    const claims = await oauth.validateJwtAccessToken(as, request, as.issuer, insecure);
    expect(claims).toMatchObject({ client_id: client.client_id, scope: 'profile:read' });
  });

  it('is a public client with PKCE alone', async () => {
    const { client } = await register({
      application_type: 'native',
      redirect_uris: ['http://127.0.0.1/callback'],
    });
    const tokens = await codeGrant(client, oauth.None());
    expect(tokens.token_type).toBe('bearer');
  });

  it('signs assertions in place of a secret', async () => {
    const keys = await oauth.generateKeyPair('ES256', { extractable: true });
    const jwk = await crypto.subtle.exportKey('jwk', keys.publicKey);
    const { kty, crv, x, y } = jwk;
    const { client } = await register({ jwks: { keys: [{ kty, crv, x, y }] } });
    const answer = await oauth.clientCredentialsGrantRequest(
      as,
      client,
      oauth.PrivateKeyJwt(keys.privateKey),
      { scope: 'whoami' },
      insecure,
    );
    const tokens = await oauth.processClientCredentialsResponse(as, client, answer);
    expect(tokens.scope).toBe('whoami');
  });

  it('exchanges a customer token', async () => {
    const { client, secret } = await register({
      grant_types: ['urn:ietf:params:oauth:grant-type:token-exchange'],
    });
    const { JWT } = await t.signIn();
    const answer = await oauth.genericTokenEndpointRequest(
      as,
      client,
      oauth.ClientSecretBasic(secret),
      'urn:ietf:params:oauth:grant-type:token-exchange',
      { subject_token: JWT, subject_token_type: 'urn:ietf:params:oauth:token-type:jwt' },
      insecure,
    );
    const tokens = await oauth.processGenericTokenEndpointResponse(as, client, answer);
    expect(tokens.issued_token_type).toBe('urn:ietf:params:oauth:token-type:access_token');
  });

  it('learns of refusals as the standards word them', async () => {
    const { client } = await register({ redirect_uris: [REDIRECT] });
    const answer = await oauth.refreshTokenGrantRequest(
      as,
      client,
      oauth.ClientSecretBasic('wrong'),
      'rt_x',
      insecure,
    );
    await expect(oauth.processRefreshTokenResponse(as, client, answer)).rejects.toThrow(
      oauth.WWWAuthenticateChallengeError,
    );
  });

  it('finds its way from the resource to the server', async () => {
    const answer = await oauth.resourceDiscoveryRequest(issuer, insecure);
    const resource = await oauth.processResourceDiscoveryResponse(issuer, answer);
    expect(resource.authorization_servers).toEqual([as.issuer]);
  });
});
