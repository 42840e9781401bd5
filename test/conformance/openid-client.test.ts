import * as client from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../support/child-server.ts';
import { startService, type TestService } from '../support/service.ts';

/** openid-client is a certified OAuth 2.0 client that refuses answers which are not to the letter of the RFCs. */
let t: TestService;
beforeAll(async () => {
  const port = await freePort();
  t = await startService({
    settings: ({ behind_tls_proxy: _proxy, ...all }) => ({
      ...all,
      public_url: `http://127.0.0.1:${port}/identity`,
      listen: { host: '127.0.0.1', port },
    }),
  });
});
afterAll(() => t.dispose());

const discover = (secret: string, method: client.ClientAuth, where = '/identity') =>
  client.discovery(new URL(`${t.url}${where}`), t.north.clientId, secret, method, {
    algorithm: 'oauth2',
    execute: [client.allowInsecureRequests],
  });

describe('a strict OAuth 2.0 client', () => {
  it('finds the metadata where RFC 8414 puts it for an issuer with a path', async () => {
    const config = await discover(t.north.clientSecret, client.ClientSecretBasic());
    const metadata = config.serverMetadata();
    expect(metadata.issuer).toBe(`${t.url}/identity`);
    expect(metadata.token_endpoint).toBe(`${t.url}/identity/oauth/token`);
    expect(metadata.grant_types_supported).toContain('client_credentials');
    expect(metadata.response_types_supported).not.toContain('token');
  });

  it.each([
    ['client_secret_basic', client.ClientSecretBasic],
    ['client_secret_post', client.ClientSecretPost],
  ])('gets a token by client credentials with %s', async (_name, method) => {
    const config = await discover(t.north.clientSecret, method(t.north.clientSecret));
    const answer = await client.clientCredentialsGrant(config, { scope: 'profile:read' });
    expect(answer).toMatchObject({ token_type: 'bearer', expires_in: 600, scope: 'profile:read' });
    expect(answer.refresh_token).toBeUndefined();
    expect(answer.id_token).toBeUndefined();
  });

  it('understands each refusal', async () => {
    const wrong = await discover('cs_wrong', client.ClientSecretBasic('cs_wrong'));
    // A challenge is thrown as such; a 400 as the error of section 5.2.
    await expect(client.clientCredentialsGrant(wrong)).rejects.toMatchObject({
      code: 'OAUTH_WWW_AUTHENTICATE_CHALLENGE',
      status: 401,
      cause: [{ scheme: 'basic' }],
    });
    const right = await discover(t.north.clientSecret, client.ClientSecretBasic(t.north.clientSecret));
    await expect(client.clientCredentialsGrant(right, { scope: 'admin' })).rejects.toMatchObject({
      error: 'invalid_scope',
      status: 400,
    });
    await expect(client.genericGrantRequest(right, 'urn:example:nothing', {})).rejects.toMatchObject({
      error: 'unsupported_grant_type',
      status: 400,
    });
  });
});
