import { ASSERTION_ALGORITHMS } from '../clients/client-assertion.ts';
import { OPENID_SCOPE } from '../clients/openid-settings.ts';
import { SCOPES } from '../partners/scopes.ts';
import { CLIENT_AUTHENTICATION_METHODS } from './client-authentication.ts';
import { GRANT_TYPES } from './grants/registry.ts';

const CONFIDENTIAL_METHODS = CLIENT_AUTHENTICATION_METHODS.filter((method) => method !== 'none');

/** Authorization server metadata (RFC 8414 section 2); states only what is really there. */
export function authorizationServerMetadata(issuer: string) {
  return {
    issuer,
    authorization_endpoint: `${issuer}/oauth/authorize`,
    token_endpoint: `${issuer}/oauth/token`,
    revocation_endpoint: `${issuer}/oauth/revoke`,
    introspection_endpoint: `${issuer}/oauth/introspect`,
    jwks_uri: `${issuer}/.well-known/jwks.json`,
    scopes_supported: Object.keys(SCOPES),
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: GRANT_TYPES,
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true,
    token_endpoint_auth_methods_supported: CLIENT_AUTHENTICATION_METHODS,
    token_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS,
    revocation_endpoint_auth_methods_supported: CLIENT_AUTHENTICATION_METHODS,
    revocation_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS,
    introspection_endpoint_auth_methods_supported: CONFIDENTIAL_METHODS,
    introspection_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS,
    protected_resources: [issuer],
  };
}

/** Claims that ID tokens hold whatever the client's registration says. */
const ID_TOKEN_CLAIMS = ['iss', 'sub', 'aud', 'exp', 'iat', 'auth_time', 'nonce', 'sid', 'at_hash', 'acr'];

/** OpenID provider metadata (OpenID Connect Discovery 1.0 section 3). `algorithms`: those of ID tokens. */
export function openIdProviderMetadata(issuer: string, algorithms: readonly string[]) {
  return {
    ...authorizationServerMetadata(issuer),
    userinfo_endpoint: `${issuer}/oauth/userinfo`,
    scopes_supported: [OPENID_SCOPE, ...Object.keys(SCOPES)],
    // A customer has another identifier in each channel group, so two partners cannot compare theirs.
    subject_types_supported: ['pairwise'],
    id_token_signing_alg_values_supported: algorithms,
    claim_types_supported: ['normal'],
    claims_supported: ID_TOKEN_CLAIMS,
    claims_parameter_supported: false,
    request_parameter_supported: false,
    request_uri_parameter_supported: false,
    prompt_values_supported: ['none', 'login', 'consent', 'select_account'],
  };
}

/** Protected resource metadata (RFC 9728 section 2): where tokens for `/getprofile` come from, and how they travel. */
export function protectedResourceMetadata(issuer: string) {
  return {
    resource: issuer,
    authorization_servers: [issuer],
    jwks_uri: `${issuer}/.well-known/jwks.json`,
    scopes_supported: Object.keys(SCOPES),
    bearer_methods_supported: ['header'],
  };
}
