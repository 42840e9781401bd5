import { describe, expect, it } from 'vitest';
import {
  authorizationServerMetadata,
  openIdProviderMetadata,
  protectedResourceMetadata,
} from '../../../src/oauth/metadata.ts';

const ISSUER = 'https://id.test/base';
const METHODS = ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'];
const ALGORITHMS = ['ES256', 'RS256', 'EdDSA', 'Ed25519'];
const SCOPES = ['profile:read', 'whoami'];

const AUTHORIZATION_SERVER = {
  issuer: ISSUER,
  authorization_endpoint: `${ISSUER}/oauth/authorize`,
  token_endpoint: `${ISSUER}/oauth/token`,
  revocation_endpoint: `${ISSUER}/oauth/revoke`,
  introspection_endpoint: `${ISSUER}/oauth/introspect`,
  jwks_uri: `${ISSUER}/.well-known/jwks.json`,
  scopes_supported: expect.arrayContaining(SCOPES) as string[],
  response_types_supported: ['code'],
  response_modes_supported: ['query'],
  grant_types_supported: [
    'authorization_code',
    'client_credentials',
    'refresh_token',
    'urn:ietf:params:oauth:grant-type:token-exchange',
  ],
  code_challenge_methods_supported: ['S256'],
  authorization_response_iss_parameter_supported: true,
  token_endpoint_auth_methods_supported: METHODS,
  token_endpoint_auth_signing_alg_values_supported: ALGORITHMS,
  revocation_endpoint_auth_methods_supported: METHODS,
  revocation_endpoint_auth_signing_alg_values_supported: ALGORITHMS,
  introspection_endpoint_auth_methods_supported: METHODS.filter((method) => method !== 'none'),
  introspection_endpoint_auth_signing_alg_values_supported: ALGORITHMS,
  protected_resources: [ISSUER],
};

describe('what the metadata promises to others', () => {
  it('stays as it is for an authorization server (RFC 8414)', () => {
    expect(authorizationServerMetadata(ISSUER)).toEqual(AUTHORIZATION_SERVER);
  });

  it('adds for OpenID Connect what that has beyond OAuth, and nothing that is not there', () => {
    expect(openIdProviderMetadata(ISSUER, ['RS256'])).toEqual({
      ...AUTHORIZATION_SERVER,
      userinfo_endpoint: `${ISSUER}/oauth/userinfo`,
      scopes_supported: expect.arrayContaining(['openid', ...SCOPES]) as string[],
      subject_types_supported: ['pairwise'],
      id_token_signing_alg_values_supported: ['RS256'],
      claim_types_supported: ['normal'],
      claims_supported: ['iss', 'sub', 'aud', 'exp', 'iat', 'auth_time', 'nonce', 'sid', 'at_hash', 'acr'],
      claims_parameter_supported: false,
      request_parameter_supported: false,
      request_uri_parameter_supported: false,
      prompt_values_supported: ['none', 'login', 'consent', 'select_account'],
    });
    expect(authorizationServerMetadata(ISSUER).scopes_supported).not.toContain('openid');
  });

  it('says of the resource where tokens come from and how they travel (RFC 9728)', () => {
    expect(protectedResourceMetadata(ISSUER)).toEqual({
      resource: ISSUER,
      authorization_servers: [ISSUER],
      jwks_uri: `${ISSUER}/.well-known/jwks.json`,
      scopes_supported: expect.arrayContaining(SCOPES) as string[],
      bearer_methods_supported: ['header'],
    });
  });
});
