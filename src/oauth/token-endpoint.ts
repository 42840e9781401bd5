/**
 * OAuth: the authorization server. The token endpoint is one pipeline: who is the client, which grant, which scopes,
 * then the grant itself, then the record of it. Renderings and HTTP belong to `http`.
 */
import type { Audit } from '../audit/audit.ts';
import type { OAuthClient } from '../clients/client.ts';
import { OAuthError } from '../errors.ts';
import type { AuthenticateClient, OAuthRequest } from './client-authentication.ts';
import type { Grant, GrantAnswer } from './grants/grant.ts';
import { understoodScope } from './openid-request.ts';
import { presentParameters, refuseOtherResource, requiredParameter, scopesWithin } from './parameters.ts';

export type TokenRequest = OAuthRequest;

export interface TokenAnswer extends GrantAnswer {
  client: OAuthClient;
}

export interface TokenEndpointDeps {
  authenticateClient: AuthenticateClient;
  grants: ReadonlyMap<string, Grant>;
  audit: Audit;
  issuer: string;
}

/** What a caller says of itself is recorded only when it could be an id of ours. */
const CLIENT_ID = /^cl_[0-9A-Za-z]{20}$/;

/** Throws `OAuthError`, or `BridgeError` when a store is away. */
export function createTokenEndpoint({ authenticateClient, grants, audit, issuer }: TokenEndpointDeps) {
  const run = async (request: TokenRequest): Promise<TokenAnswer> => {
    const parameters = presentParameters(request.parameters);
    const grantType = requiredParameter(parameters, 'grant_type');
    const client = await authenticateClient({ ...request, parameters });
    const grant = grants.get(grantType);
    if (!grant) throw new OAuthError('unsupported_grant_type');
    if (!client.grantTypes.includes(grantType)) throw new OAuthError('unauthorized_client');
    refuseOtherResource(parameters, issuer);
    const granted = grant.grant({
      client,
      parameters,
      scopesWithin: (granted) =>
        scopesWithin(
          granted.filter((scope) => client.scopes.includes(scope)),
          understoodScope(client, parameters.scope),
        ),
      facts: { requestId: request.requestId, address: request.address },
    });
    return { ...(granted instanceof Promise ? await granted : granted), client };
  };

  return async (request: TokenRequest): Promise<TokenAnswer> => {
    const facts = { actor: 'partner', requestId: request.requestId, address: request.address };
    try {
      const answer = await run(request);
      audit.event('access_token.issued', {
        ...facts,
        outcome: 'success',
        partner: answer.client.partner,
        clientId: answer.client.clientId,
        customerId: answer.customerId,
      });
      return answer;
    } catch (error) {
      if (error instanceof OAuthError) {
        const claimed = request.basic?.clientId ?? request.parameters.client_id;
        audit.event('access_token.issued', {
          ...facts,
          outcome: 'refused',
          reason: error.code,
          ...(claimed !== undefined && CLIENT_ID.test(claimed)
            ? { details: { claimed_client: claimed } }
            : {}),
        });
        error.recorded = true;
      }
      throw error;
    }
  };
}

export type TokenEndpoint = ReturnType<typeof createTokenEndpoint>;
