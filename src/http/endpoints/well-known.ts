import { z } from 'zod';
import { authorizationServerMetadata } from '../../oauth/metadata.ts';
import { KEY_SET_MAX_AGE_SECONDS, type SigningRings } from '../../tokens/signing-rings.ts';
import { sendJson } from '../answer.ts';
import type { Endpoint } from '../endpoint.ts';

const CACHED = { 'cache-control': `public, max-age=${KEY_SET_MAX_AGE_SECONDS}` };

const keySetSchema = z
  .object({
    keys: z.array(z.object({ kty: z.string(), kid: z.string(), alg: z.string(), use: z.literal('sig') })),
  })
  .meta({ id: 'KeySet', description: 'RFC 7517' });

/** `GET /.well-known/jwks.json`: the public halves of every key that signs, will sign soon or signed lately. */
export function keySet({ rings }: { rings: SigningRings }): Endpoint {
  return {
    contract: {
      listener: 'public',
      method: 'get',
      path: '/.well-known/jwks.json',
      operationId: 'getKeySet',
      tag: 'OAuth 2.0',
      summary: 'Public keys that our tokens are signed with',
      responses: { 200: { description: 'Key set', schema: keySetSchema } },
    },
    handle: (_req, res) => sendJson(res, 200, rings.keySet(), CACHED),
  };
}

const metadataSchema = z
  .object({
    issuer: z.string(),
    token_endpoint: z.string(),
    jwks_uri: z.string(),
    grant_types_supported: z.array(z.string()),
    token_endpoint_auth_methods_supported: z.array(z.string()),
  })
  .meta({ id: 'AuthorizationServerMetadata', description: 'RFC 8414' });

/** `GET /.well-known/oauth-authorization-server`. */
export function serverMetadata({ issuer }: { issuer: string }): Endpoint {
  const metadata = authorizationServerMetadata(issuer);
  return {
    contract: {
      listener: 'public',
      method: 'get',
      path: '/.well-known/oauth-authorization-server',
      operationId: 'getServerMetadata',
      tag: 'OAuth 2.0',
      summary: 'Authorization server metadata',
      responses: { 200: { description: 'Metadata', schema: metadataSchema } },
    },
    handle: (_req, res) => sendJson(res, 200, metadata, CACHED),
  };
}
