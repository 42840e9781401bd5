import type { ClientAuthentication, OAuthClient } from '../clients/client.ts';
import { ASSERTION_TYPE, claimedClientId } from '../clients/client-assertion.ts';
import type { Clients } from '../clients/clients.ts';
import { OAuthError } from '../errors.ts';
import type { Parameters } from './parameters.ts';

/** Names of RFC 7591 section 2 for the ways a client may authenticate. */
export const CLIENT_AUTHENTICATION_METHODS = [
  'client_secret_basic',
  'client_secret_post',
  'private_key_jwt',
  'none',
] as const;

/** What a request to an OAuth endpoint brought. */
export interface OAuthRequest {
  /** From the body, and for the ASAPP dialect `grant_type` from the query; each at most once. */
  parameters: Parameters;
  /** From an `Authorization: Basic` header, decoded. */
  basic: { clientId: string; secret: string } | undefined;
  requestId: string;
  address: string;
  /** Told of the client as soon as it is known; throws when that calls too often. */
  admit?: ((client: OAuthClient) => void | Promise<void>) | undefined;
}

/**
 * Says which client calls, by exactly one of: HTTP Basic, a secret in the body, a signed assertion (RFC 7523), or
 * for a public client its id alone. An unknown client, a wrong secret and a bad assertion look alike. Throws
 * `invalid_request` for two ways at once, else `invalid_client`.
 */
export function createClientAuthentication({ clients }: { clients: Clients }) {
  const byAssertion = async (parameters: Parameters): Promise<OAuthClient | undefined> => {
    const { client_id: clientId, client_assertion: assertion = '' } = parameters;
    if (parameters.client_assertion_type !== ASSERTION_TYPE) {
      throw new OAuthError('invalid_request', { message: 'This client_assertion_type is not taken.' });
    }
    const claimed = claimedClientId(assertion);
    if (claimed === undefined || (clientId !== undefined && clientId !== claimed)) return undefined;
    return clients.authenticateByAssertion(claimed, assertion);
  };

  const publicClient = async (clientId: string): Promise<OAuthClient | undefined> => {
    const client = await clients.usable(clientId);
    return client?.authentication === 'none' ? client : undefined;
  };

  return async (
    { parameters, basic, admit }: Pick<OAuthRequest, 'parameters' | 'basic' | 'admit'>,
    accepted: readonly ClientAuthentication[] = ['secret', 'private_key_jwt', 'none'],
  ): Promise<OAuthClient> => {
    const { client_id: clientId, client_secret: secret, client_assertion: assertion } = parameters;
    if ([basic, secret, assertion].filter((way) => way !== undefined).length > 1) {
      throw new OAuthError('invalid_request', { message: 'The client authenticates in two ways at once.' });
    }
    if (basic && clientId !== undefined && clientId !== basic.clientId) {
      throw new OAuthError('invalid_request', { message: 'Two different client ids are given.' });
    }
    let client: OAuthClient | undefined;
    if (assertion !== undefined) client = await byAssertion(parameters);
    else if (basic) client = await clients.authenticate(basic.clientId, basic.secret);
    else if (clientId !== undefined && secret !== undefined) {
      client = await clients.authenticate(clientId, secret);
    } else if (clientId !== undefined) client = await publicClient(clientId);
    if (!client || !accepted.includes(client.authentication)) throw new OAuthError('invalid_client');
    const admitted = admit?.(client);
    if (admitted) await admitted;
    return client;
  };
}

export type AuthenticateClient = ReturnType<typeof createClientAuthentication>;
