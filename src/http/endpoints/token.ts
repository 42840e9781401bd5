import type { Request, Response } from 'express';
import { z } from 'zod';
import { OAuthError } from '../../errors.ts';
import { GRANT_TYPES } from '../../oauth/grants/registry.ts';
import type { TokenAnswer, TokenEndpoint } from '../../oauth/token-endpoint.ts';
import { sendJson } from '../answer.ts';
import { basicCredentials } from '../basic-credentials.ts';
import { parseQuery, readFields } from '../body.ts';
import type { Endpoint } from '../endpoint.ts';
import { header } from '../raw-headers.ts';
import { contextOf } from '../request-context.ts';
import { digitsSchema } from '../schemas.ts';

const requestSchema = z
  .object({
    grant_type: z.enum(GRANT_TYPES).optional(),
    client_id: z.string().optional(),
    client_secret: z.string().optional(),
    scope: z.string().optional().meta({ description: "Default: all of the client's scopes." }),
  })
  .meta({ id: 'TokenRequest' });

const standardAnswer = z
  .strictObject({
    access_token: z.string(),
    token_type: z.literal('Bearer'),
    expires_in: z.int().meta({ description: 'Seconds' }),
    scope: z.string(),
  })
  .meta({ id: 'TokenAnswer' });

const asappAnswer = z
  .strictObject({
    token_type: z.literal('Bearer'),
    issued_at: digitsSchema.meta({ description: 'Unix time in milliseconds, as a string.' }),
    client_id: z.string(),
    access_token: z.string(),
    scope: z.string(),
    expires_in: digitsSchema.meta({ description: 'Seconds, as a string.' }),
  })
  .meta({ id: 'AccessTokenAnswer' });

/** Parameters that may stand in the address in the ASAPP dialect; everything else there is refused if it is a secret. */
const QUERY_PARAMETER = 'grant_type';

async function readParameters(req: Request, queryGrantType: boolean): Promise<Record<string, string>> {
  const fields = await readFields(req, ['form', 'json', 'none']);
  const query = parseQuery(req);
  const parameters: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [name, value] of Object.entries(fields)) {
    if (typeof value !== 'string') {
      throw new OAuthError('invalid_request', { message: 'Every parameter must be a string.' });
    }
    parameters[name] = value;
  }
  if ('client_secret' in query || 'client_assertion' in query) {
    throw new OAuthError('invalid_request', {
      message: 'Credentials belong in the body or a header, never in the address.',
    });
  }
  if (queryGrantType && query[QUERY_PARAMETER]) {
    if (parameters[QUERY_PARAMETER]) {
      throw new OAuthError('invalid_request', { message: 'The parameter grant_type is repeated.' });
    }
    parameters[QUERY_PARAMETER] = query[QUERY_PARAMETER];
  }
  return parameters;
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
  render: ({ issued, scopes }) => ({
    access_token: issued.token,
    token_type: 'Bearer',
    expires_in: issued.expiresInSeconds,
    scope: scopes.join(' '),
  }),
};

const ASAPP: Rendering = {
  path: '/access_token',
  operationId: 'accessToken',
  summary:
    'The token endpoint in the dialect of ASAPP: all values are strings, grant_type may stand in the address',
  schema: asappAnswer,
  queryGrantType: true,
  render: ({ issued, scopes, client }) => ({
    token_type: 'Bearer',
    issued_at: String(issued.issuedAtMs),
    client_id: client.clientId,
    access_token: issued.token,
    scope: scopes.join(' '),
    expires_in: String(issued.expiresInSeconds),
  }),
};

function tokenEndpoint(rendering: Rendering, deps: { tokenEndpoint: TokenEndpoint }): Endpoint {
  return {
    contract: {
      listener: 'public',
      method: 'post',
      path: rendering.path,
      operationId: rendering.operationId,
      tag: 'OAuth 2.0',
      summary: rendering.summary,
      description: 'The client authenticates by HTTP Basic or in the body, not by both.',
      security: [['clientBasic'], []],
      ...(rendering.queryGrantType
        ? { query: z.object({ grant_type: z.enum(GRANT_TYPES).optional() }) }
        : {}),
      body: { schema: requestSchema, types: ['form', 'json'], required: false },
      responses: { 200: { description: 'An access token (RFC 9068)', schema: rendering.schema } },
      oauthErrors: [
        'invalid_request',
        'invalid_client',
        'unauthorized_client',
        'unsupported_grant_type',
        'invalid_scope',
        'temporarily_unavailable',
      ],
    },
    handle: async (req: Request, res: Response) => {
      const parameters = await readParameters(req, rendering.queryGrantType);
      const context = contextOf(res);
      const answer = await deps.tokenEndpoint({
        parameters,
        basic: basicCredentials(header(req, 'authorization')),
        requestId: context.requestId,
        address: context.address,
      });
      context.clientId = answer.client.clientId;
      context.partner = answer.client.partner;
      sendJson(res, 200, rendering.render(answer), { pragma: 'no-cache' });
    },
  };
}

/** `POST /oauth/token`. */
export const oauthToken = (deps: { tokenEndpoint: TokenEndpoint }): Endpoint => tokenEndpoint(STANDARD, deps);

/** `POST /access_token`. */
export const accessToken = (deps: { tokenEndpoint: TokenEndpoint }): Endpoint => tokenEndpoint(ASAPP, deps);
