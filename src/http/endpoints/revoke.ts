import { z } from 'zod';
import type { IntrospectToken } from '../../oauth/introspect-token.ts';
import type { RevokeToken } from '../../oauth/revoke-token.ts';
import { sendJson } from '../answer.ts';
import type { Endpoint, EndpointContract } from '../endpoint.ts';
import type { LimitGuard } from '../limit-guard.ts';
import { LIMIT_HEADERS } from '../limit-headers.ts';
import { clientAuthenticationMembers, readOAuthRequest } from '../oauth-request.ts';

const requestSchema = z
  .object({
    token: z.string(),
    token_type_hint: z
      .string()
      .optional()
      .meta({ description: 'Not needed: tokens are told by their form.' }),
    ...clientAuthenticationMembers,
  })
  .meta({ id: 'TokenReference' });

const SHARED = {
  listener: 'public',
  method: 'post',
  tag: 'OAuth 2.0',
  security: [['clientBasic'], []],
  body: { schema: requestSchema, types: ['form', 'json'], required: true },
  oauthErrors: ['invalid_request', 'invalid_client', 'temporarily_unavailable'],
} satisfies Partial<EndpointContract>;

const nothingSchema = z.strictObject({}).meta({ id: 'Revoked' });

/** `POST /oauth/revoke` (RFC 7009). */
export function oauthRevoke({
  revokeToken,
  limits,
}: {
  revokeToken: RevokeToken;
  limits: LimitGuard;
}): Endpoint {
  return {
    crossOrigin: 'apps',
    countsFailures: true,
    contract: {
      ...SHARED,
      path: '/oauth/revoke',
      operationId: 'oauthRevoke',
      summary: 'Give a token back (RFC 7009)',
      description:
        'A refresh token takes its family and the access tokens of it along. A token that is not the caller’s own, or none, is answered alike.',
      responses: {
        200: {
          description: 'The token is not good any more',
          schema: nothingSchema,
          headers: LIMIT_HEADERS,
        },
      },
    },
    handle: async (req, res) => {
      await revokeToken(await readOAuthRequest(req, res, { limits }));
      // RFC 7009 section 2.2: clients ignore the body; some cannot do without one.
      sendJson(res, 200, {}, { pragma: 'no-cache' });
    },
  };
}

const answerSchema = z
  .strictObject({
    active: z.boolean(),
    client_id: z.string().optional(),
    scope: z.string().optional(),
    sub: z.string().optional(),
    iss: z.string().optional(),
    aud: z.string().optional(),
    exp: z.int().optional(),
    iat: z.int().optional(),
    jti: z.string().optional(),
    token_type: z.string().optional(),
  })
  .meta({ id: 'Introspection', description: 'RFC 7662 section 2.2.' });

/** `POST /oauth/introspect` (RFC 7662). */
export function oauthIntrospect({
  introspectToken,
  limits,
}: {
  introspectToken: IntrospectToken;
  limits: LimitGuard;
}): Endpoint {
  return {
    countsFailures: true,
    contract: {
      ...SHARED,
      path: '/oauth/introspect',
      operationId: 'oauthIntrospect',
      summary: 'Ask whether a token of one’s own is still good (RFC 7662)',
      description: 'For confidential clients. Anything but a living token of the caller is {"active":false}.',
      responses: {
        200: { description: 'What is known of the token', schema: answerSchema, headers: LIMIT_HEADERS },
      },
    },
    handle: async (req, res) => {
      const request = await readOAuthRequest(req, res, { limits });
      sendJson(res, 200, await introspectToken(request), { pragma: 'no-cache' });
    },
  };
}
