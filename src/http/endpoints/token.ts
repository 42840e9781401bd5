import type { Request, Response } from 'express';
import { z } from 'zod';
import { GRANT_TYPES } from '../../oauth/grants/registry.ts';
import type { TokenAnswer, TokenEndpoint } from '../../oauth/token-endpoint.ts';
import { sendJson } from '../answer.ts';
import type { Endpoint } from '../endpoint.ts';
import type { LimitGuard } from '../limit-guard.ts';
import { LIMIT_HEADERS } from '../limit-headers.ts';
import { clientAuthenticationMembers, readOAuthRequest } from '../oauth-request.ts';
import { digitsSchema } from '../schemas.ts';

const requestSchema = z
  .object({
    grant_type: z.enum(GRANT_TYPES).optional().meta({ example: 'client_credentials' }),
    ...clientAuthenticationMembers,
    scope: z
      .string()
      .optional()
      .meta({ description: 'Default: all that may be had. Not used with authorization_code.' }),
    code: z.string().optional(),
    redirect_uri: z.string().optional().meta({ description: 'The same as in the authorization request.' }),
    code_verifier: z.string().optional().meta({ description: 'RFC 7636: 43 to 128 characters.' }),
    refresh_token: z.string().optional(),
    subject_token: z
      .string()
      .optional()
      .meta({ description: 'Token exchange (RFC 8693): a customer token of one of the partner’s channels.' }),
    subject_token_type: z.literal('urn:ietf:params:oauth:token-type:jwt').optional(),
    resource: z.string().optional().meta({ description: 'RFC 8707: the issuer, if given at all.' }),
  })
  .meta({
    id: 'TokenRequest',
    examples: [{ grant_type: 'client_credentials', scope: 'profile:read' }],
  });

const standardAnswer = z
  .strictObject({
    access_token: z.string(),
    token_type: z.literal('Bearer'),
    expires_in: z.int().meta({ description: 'Seconds' }),
    scope: z.string(),
    refresh_token: z.string().optional().meta({ description: 'Good for one use.' }),
    issued_token_type: z.string().optional().meta({ description: 'Of token exchange (RFC 8693).' }),
    id_token: z.string().optional().meta({ description: 'Of OpenID Connect.' }),
  })
  .meta({
    id: 'TokenAnswer',
    examples: [
      {
        access_token: 'eyJhbGciOiJFUzI1NiIs….eyJpc3MiOiJodHRw….MEUCIQD3…',
        token_type: 'Bearer',
        expires_in: 600,
        scope: 'profile:read',
      },
    ],
  });

const asappAnswer = z
  .strictObject({
    token_type: z.literal('Bearer'),
    issued_at: digitsSchema.meta({ description: 'Unix time in milliseconds, as a string.' }),
    client_id: z.string(),
    access_token: z.string(),
    scope: z.string(),
    expires_in: digitsSchema.meta({ description: 'Seconds, as a string.' }),
    refresh_token: z.string().optional(),
    issued_token_type: z.string().optional(),
    id_token: z.string().optional(),
  })
  .meta({
    id: 'AccessTokenAnswer',
    examples: [
      {
        token_type: 'Bearer',
        issued_at: '1570733606449',
        client_id: 'cl_8ZKc2m0QvN7TtYbW4rXd',
        access_token: 'eyJhbGciOiJFUzI1NiIs….eyJpc3MiOiJodHRw….MEUCIQD3…',
        scope: 'profile:read',
        expires_in: '600',
      },
    ],
  });

/** Members that only some grants have. */
function furtherMembers({ refreshToken, issuedTokenType, idToken }: TokenAnswer): Record<string, string> {
  return {
    ...(refreshToken === undefined ? {} : { refresh_token: refreshToken }),
    ...(issuedTokenType === undefined ? {} : { issued_token_type: issuedTokenType }),
    ...(idToken === undefined ? {} : { id_token: idToken }),
  };
}

interface Rendering {
  path: string;
  operationId: string;
  summary: string;
  schema: z.ZodType;
  /** Takes `grant_type` from the address too. */
  queryGrantType: boolean;
  render(answer: TokenAnswer): Record<string, unknown>;
}

const STANDARD: Rendering = {
  path: '/oauth/token',
  operationId: 'oauthToken',
  summary: 'The token endpoint of RFC 6749',
  schema: standardAnswer,
  queryGrantType: false,
  render: (answer) => ({
    access_token: answer.issued.token,
    token_type: 'Bearer',
    expires_in: answer.issued.expiresInSeconds,
    scope: answer.scopes.join(' '),
    ...furtherMembers(answer),
  }),
};

const ASAPP: Rendering = {
  path: '/access_token',
  operationId: 'accessToken',
  summary:
    'The token endpoint in the dialect of ASAPP: all values are strings, grant_type may stand in the address',
  schema: asappAnswer,
  queryGrantType: true,
  render: (answer) => ({
    token_type: 'Bearer',
    issued_at: String(answer.issued.issuedAtMs),
    client_id: answer.client.clientId,
    access_token: answer.issued.token,
    scope: answer.scopes.join(' '),
    expires_in: String(answer.issued.expiresInSeconds),
    ...furtherMembers(answer),
  }),
};

export interface TokenEndpointsDeps {
  tokenEndpoint: TokenEndpoint;
  limits: LimitGuard;
}

function tokenEndpoint(rendering: Rendering, deps: TokenEndpointsDeps): Endpoint {
  return {
    crossOrigin: rendering === STANDARD ? 'apps' : false,
    countsFailures: true,
    contract: {
      listener: 'public',
      method: 'post',
      path: rendering.path,
      operationId: rendering.operationId,
      tag: 'OAuth 2.0',
      summary: rendering.summary,
      description:
        'The client authenticates in one way: by HTTP Basic, a secret in the body, a signed assertion (RFC 7523), or, if it is a public client, by its client_id alone.',
      security: [['clientBasic'], []],
      ...(rendering.queryGrantType
        ? { query: z.object({ grant_type: z.enum(GRANT_TYPES).optional() }) }
        : {}),
      body: { schema: requestSchema, types: ['form', 'json'], required: false },
      responses: {
        200: {
          description: 'An access token (RFC 9068)',
          schema: rendering.schema,
          headers: LIMIT_HEADERS,
        },
      },
      oauthErrors: [
        'invalid_request',
        'invalid_client',
        'unauthorized_client',
        'unsupported_grant_type',
        'invalid_grant',
        'invalid_scope',
        'invalid_target',
        'temporarily_unavailable',
      ],
    },
    handle: async (req: Request, res: Response) => {
      const { queryGrantType } = rendering;
      const request = await readOAuthRequest(req, res, { limits: deps.limits, queryGrantType });
      const answer = await deps.tokenEndpoint(request);
      sendJson(res, 200, rendering.render(answer), { pragma: 'no-cache' });
    },
  };
}

/** `POST /oauth/token`. */
export const oauthToken = (deps: TokenEndpointsDeps): Endpoint => tokenEndpoint(STANDARD, deps);

/** `POST /access_token`. */
export const accessToken = (deps: TokenEndpointsDeps): Endpoint => tokenEndpoint(ASAPP, deps);
