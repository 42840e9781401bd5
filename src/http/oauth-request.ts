import type { Request, Response } from 'express';
import { z } from 'zod';
import { OAuthError } from '../errors.ts';
import type { OAuthRequest } from '../oauth/client-authentication.ts';
import { basicCredentials } from './basic-credentials.ts';
import { parseQuery, readFields } from './body.ts';
import type { LimitGuard } from './limit-guard.ts';
import { header } from './raw-headers.ts';
import { contextOf } from './request-context.ts';

/** Ways in which a client may say who it is; one of them. */
export const clientAuthenticationMembers = {
  client_id: z.string().optional(),
  client_secret: z.string().optional(),
  client_assertion_type: z
    .literal('urn:ietf:params:oauth:client-assertion-type:jwt-bearer')
    .optional()
    .meta({ description: 'With client_assertion (RFC 7523).' }),
  client_assertion: z
    .string()
    .optional()
    .meta({ description: 'At most five minutes, aud the issuer or the token endpoint, each jti once.' }),
};

/** Parameters that would end up in logs and histories if they stood in an address. */
const NEVER_IN_QUERY = [
  'client_secret',
  'client_assertion',
  'code',
  'code_verifier',
  'refresh_token',
  'subject_token',
  'token',
];
const QUERY_PARAMETER = 'grant_type';
const ACCEPTED = ['form', 'json', 'none'] as const;

async function readParameters(req: Request, queryGrantType: boolean): Promise<Record<string, string>> {
  const fields = await readFields(req, ACCEPTED);
  const parameters: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const name of Object.keys(fields)) {
    const value = fields[name];
    if (typeof value !== 'string') {
      throw new OAuthError('invalid_request', { message: 'Every parameter must be a string.' });
    }
    parameters[name] = value;
  }
  if (!req.url.includes('?')) return parameters;
  const query = parseQuery(req);
  if (NEVER_IN_QUERY.some((name) => name in query)) {
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

export interface OAuthRequestOptions {
  /** The client is counted as soon as it is known. */
  limits: LimitGuard;
  /** `grant_type` may stand in the address, as the ASAPP dialect has it. Default false. */
  queryGrantType?: boolean;
}

/** Reads a request to an OAuth endpoint, from a form or a JSON body. Throws `invalid_request` or `invalid_client`. */
export async function readOAuthRequest(
  req: Request,
  res: Response,
  { limits, queryGrantType = false }: OAuthRequestOptions,
): Promise<OAuthRequest> {
  const parameters = await readParameters(req, queryGrantType);
  const context = contextOf(res);
  return {
    parameters,
    basic: basicCredentials(header(req, 'authorization')),
    requestId: context.requestId,
    address: context.address,
    admit: ({ clientId, partner, authentication }) => {
      context.clientId = clientId;
      context.partner = partner;
      return limits.admitCaller(context, { partner, clientId, proven: authentication !== 'none' });
    },
  };
}
