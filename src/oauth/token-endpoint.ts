/**
 * OAuth: the authorization server. The token endpoint is one pipeline: who is the client, which grant, which scopes,
 * then the grant itself, then the record of it. Renderings and HTTP belong to `http`.
 */
import type { Audit } from '../audit/audit.ts';
import type { OAuthClient } from '../clients/client.ts';
import type { Clients } from '../clients/clients.ts';
import { OAuthError } from '../errors.ts';
import type { IssuedAccessToken } from '../tokens/access-token.ts';
import type { Grant } from './grants/grant.ts';

export interface TokenRequest {
  /** From the body, and for the ASAPP dialect `grant_type` from the query; each at most once. */
  parameters: Readonly<Record<string, string>>;
  /** From an `Authorization: Basic` header, decoded. */
  basic: { clientId: string; secret: string } | undefined;
  requestId: string;
  address: string;
}

export interface TokenAnswer {
  client: OAuthClient;
  issued: IssuedAccessToken;
  scopes: readonly string[];
}

export interface TokenEndpointDeps {
  clients: Clients;
  grants: ReadonlyMap<string, Grant>;
  audit: Audit;
}

/** RFC 6749 section 3.3: scope tokens separated by single spaces. */
const SCOPE = /^[\x21\x23-\x5B\x5D-\x7E]+( [\x21\x23-\x5B\x5D-\x7E]+)*$/;

function requestedScopes(client: OAuthClient, asked: string | undefined): readonly string[] {
  if (asked === undefined) return client.scopes;
  if (!SCOPE.test(asked)) throw new OAuthError('invalid_scope');
  const scopes = [...new Set(asked.split(' '))];
  if (scopes.some((scope) => !client.scopes.includes(scope))) throw new OAuthError('invalid_scope');
  return scopes;
}

/** Empty values count as absent (RFC 6749 section 3.2). */
function present(parameters: Readonly<Record<string, string>>): Record<string, string> {
  const kept: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const name of Object.keys(parameters))
    if (parameters[name] !== '') kept[name] = parameters[name] as string;
  return kept;
}

export function createTokenEndpoint({ clients, grants, audit }: TokenEndpointDeps) {
  const authenticate = async (
    request: TokenRequest,
    parameters: Record<string, string>,
  ): Promise<OAuthClient> => {
    const { client_id: clientId, client_secret: secret } = parameters;
    if (request.basic && secret !== undefined) {
      throw new OAuthError('invalid_request', { message: 'The client authenticates in two ways at once.' });
    }
    if (request.basic && clientId !== undefined && clientId !== request.basic.clientId) {
      throw new OAuthError('invalid_request', { message: 'Two different client ids are given.' });
    }
    const presented = request.basic ?? { clientId, secret };
    if (presented.clientId === undefined || presented.secret === undefined)
      throw new OAuthError('invalid_client');
    const client = await clients.authenticate(presented.clientId, presented.secret);
    if (!client) throw new OAuthError('invalid_client');
    return client;
  };

  const run = async (request: TokenRequest): Promise<TokenAnswer> => {
    const parameters = present(request.parameters);
    const grantType = parameters.grant_type;
    if (grantType === undefined) {
      throw new OAuthError('invalid_request', { message: 'The parameter grant_type is missing.' });
    }
    const client = await authenticate(request, parameters);
    const grant = grants.get(grantType);
    if (!grant) throw new OAuthError('unsupported_grant_type');
    if (!client.grantTypes.includes(grantType)) throw new OAuthError('unauthorized_client');
    const scopes = requestedScopes(client, parameters.scope);
    return { client, scopes, issued: await grant.grant({ client, scopes, parameters }) };
  };

  /** Throws `OAuthError`, or `BridgeError` when a store is away. */
  return async (request: TokenRequest): Promise<TokenAnswer> => {
    const facts = { actor: 'partner', requestId: request.requestId, address: request.address };
    try {
      const answer = await run(request);
      audit.event('access_token.issued', {
        ...facts,
        outcome: 'success',
        partner: answer.client.partner,
        clientId: answer.client.clientId,
      });
      return answer;
    } catch (error) {
      const reason = error instanceof OAuthError ? error.code : undefined;
      if (reason) audit.event('access_token.issued', { ...facts, outcome: 'refused', reason });
      throw error;
    }
  };
}

export type TokenEndpoint = ReturnType<typeof createTokenEndpoint>;
