import { z } from 'zod';
import { authorizationServerMetadata, protectedResourceMetadata } from '../../oauth/metadata.ts';
import { KEY_SET_MAX_AGE_SECONDS, type SigningRings } from '../../tokens/signing-rings.ts';
import { sendJson } from '../answer.ts';
import type { Endpoint } from '../endpoint.ts';

/** Metadata and keys may be kept for as long as a new key is published before it signs. */
export const METADATA_CACHE = { 'cache-control': `public, max-age=${KEY_SET_MAX_AGE_SECONDS}` };

const keyMembers = { kid: z.string(), use: z.literal('sig') };
const base64UrlSchema = z.string().regex(/^[A-Za-z0-9_-]+$/);

const keySetSchema = z
  .strictObject({
    keys: z.array(
      z.discriminatedUnion('kty', [
        z.strictObject({
          ...keyMembers,
          kty: z.literal('EC'),
          alg: z.literal('ES256'),
          crv: z.literal('P-256'),
          x: base64UrlSchema,
          y: base64UrlSchema,
        }),
        z.strictObject({
          ...keyMembers,
          kty: z.literal('OKP'),
          alg: z.literal('EdDSA'),
          crv: z.literal('Ed25519'),
          x: base64UrlSchema,
        }),
        z.strictObject({
          ...keyMembers,
          kty: z.literal('RSA'),
          alg: z.literal('RS256'),
          n: base64UrlSchema,
          e: base64UrlSchema,
        }),
      ]),
    ),
  })
  .meta({ id: 'KeySet', description: 'RFC 7517: public members alone.' });

/** `GET /.well-known/jwks.json`: the public halves of every key that signs, will sign soon or signed lately. */
export function keySet({ rings }: { rings: SigningRings }): Endpoint {
  return {
    crossOrigin: 'apps',
    contract: {
      listener: 'public',
      method: 'get',
      path: '/.well-known/jwks.json',
      operationId: 'getKeySet',
      tag: 'OAuth 2.0',
      summary: 'Public keys that our tokens are signed with',
      responses: { 200: { description: 'Key set', schema: keySetSchema } },
    },
    handle: (_req, res) => sendJson(res, 200, rings.keySet(), METADATA_CACHE),
  };
}

const names = z.array(z.string());

export const serverMetadataSchema = z
  .strictObject({
    issuer: z.string(),
    authorization_endpoint: z.string(),
    token_endpoint: z.string(),
    revocation_endpoint: z.string(),
    introspection_endpoint: z.string(),
    jwks_uri: z.string(),
    scopes_supported: names,
    response_types_supported: names,
    response_modes_supported: names,
    grant_types_supported: names,
    code_challenge_methods_supported: names,
    authorization_response_iss_parameter_supported: z.literal(true),
    token_endpoint_auth_methods_supported: names,
    token_endpoint_auth_signing_alg_values_supported: names,
    revocation_endpoint_auth_methods_supported: names,
    revocation_endpoint_auth_signing_alg_values_supported: names,
    introspection_endpoint_auth_methods_supported: names,
    introspection_endpoint_auth_signing_alg_values_supported: names,
    protected_resources: names,
  })
  .meta({ id: 'AuthorizationServerMetadata', description: 'RFC 8414' });

/** `GET /.well-known/oauth-authorization-server`. */
export function serverMetadata({ issuer }: { issuer: string }): Endpoint {
  const metadata = authorizationServerMetadata(issuer);
  return {
    crossOrigin: 'apps',
    contract: {
      listener: 'public',
      method: 'get',
      path: '/.well-known/oauth-authorization-server',
      operationId: 'getServerMetadata',
      tag: 'OAuth 2.0',
      summary: 'Authorization server metadata',
      responses: { 200: { description: 'Metadata', schema: serverMetadataSchema } },
    },
    handle: (_req, res) => sendJson(res, 200, metadata, METADATA_CACHE),
  };
}

const resourceSchema = z
  .strictObject({
    resource: z.string(),
    authorization_servers: names,
    jwks_uri: z.string(),
    scopes_supported: names,
    bearer_methods_supported: names,
  })
  .meta({ id: 'ProtectedResourceMetadata', description: 'RFC 9728' });

/** `GET /.well-known/oauth-protected-resource`. */
export function resourceMetadata({ issuer }: { issuer: string }): Endpoint {
  const metadata = protectedResourceMetadata(issuer);
  return {
    crossOrigin: 'apps',
    contract: {
      listener: 'public',
      method: 'get',
      path: '/.well-known/oauth-protected-resource',
      operationId: 'getResourceMetadata',
      tag: 'OAuth 2.0',
      summary: 'Protected resource metadata: where tokens for /getprofile come from',
      responses: { 200: { description: 'Metadata', schema: resourceSchema } },
    },
    handle: (_req, res) => sendJson(res, 200, metadata, METADATA_CACHE),
  };
}
