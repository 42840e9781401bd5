import type { Channel, Channels } from '../channels/channel.ts';
import type { OAuthClient } from '../clients/client.ts';
import type { Clients } from '../clients/clients.ts';
import { OPENID_SCOPE } from '../clients/openid-settings.ts';
import { isRegisteredRedirectUri } from '../clients/redirect-uri.ts';
import type { Identities } from '../customers/identities.ts';
import { OAuthError } from '../errors.ts';
import type { CustomerIdentifier } from '../identifiers/identifier.ts';
import type { Partner } from '../partners/partner.ts';
import type { Partners } from '../partners/partners.ts';
import { S256_CHALLENGE } from '../platform/pkce.ts';
import type { IdTokens } from '../tokens/id-token.ts';
import { readOpenIdParameters, type OpenIdRequest, understoodScope } from './openid-request.ts';
import { type Parameters, presentParameters, refuseOtherResource, scopesWithin } from './parameters.ts';

/** Error codes of the authorization endpoint: RFC 6749 section 4.1.2.1, RFC 9101 and RFC 8707. */
export type AuthorizationErrorCode =
  | 'invalid_request'
  | 'unauthorized_client'
  | 'access_denied'
  | 'unsupported_response_type'
  | 'invalid_scope'
  | 'server_error'
  | 'invalid_target'
  | 'request_not_supported'
  | 'request_uri_not_supported'
  /** OpenID Connect Core 1.0 section 3.1.2.6. */
  | 'login_required'
  | 'consent_required';

export interface AuthorizationRequest {
  client: OAuthClient;
  partner: Partner;
  redirectUri: string;
  /** Given back as it came. */
  state: string | undefined;
  scopes: readonly string[];
  /** PKCE S256 challenge; `undefined` for a vendor that is registered to do without. */
  challenge: string | undefined;
  /** `undefined` for a request of OAuth 2.0 alone. */
  openid: OpenIdRequest | undefined;
  /**
   * Channels that the customer may sign in for: those of the partner, the preferred one first. With an `id_token_hint`
   * only those that know the customer by that identifier, if there are any.
   */
  channels: readonly [Channel, ...Channel[]];
  /** The parameters that it was read from. */
  parameters: Parameters;
}

export type ReadAuthorizationRequest =
  | { outcome: 'valid'; request: AuthorizationRequest }
  /** Client or redirect address cannot be trusted: shown on a page of ours, never redirected. */
  | { outcome: 'untrusted'; message: string }
  /** Told to the client at its redirect address. */
  | { outcome: 'refused'; redirectTo: string; error: AuthorizationErrorCode };

/** The answer of the authorization endpoint: parameters added to the redirect address, `iss` always (RFC 9207). */
export function authorizationResponse(
  target: { redirectUri: string; state: string | undefined; issuer: string },
  parameters: Readonly<Record<string, string>>,
): string {
  const { redirectUri, state, issuer } = target;
  const added = new URLSearchParams({
    ...parameters,
    ...(state === undefined ? {} : { state }),
    iss: issuer,
  });
  return `${redirectUri}${redirectUri.includes('?') ? '&' : '?'}${added.toString()}`;
}

/** Carries an error to the client out of the checks. */
class Refusal extends Error {
  readonly code: AuthorizationErrorCode;
  constructor(code: AuthorizationErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** The challenge, as far as the client has to bring one: without it a nonce takes its place (RFC 9700 2.1.1). */
function challengeOf(client: OAuthClient, parameters: Parameters): string | undefined {
  const { code_challenge: challenge, code_challenge_method: method, nonce } = parameters;
  if (challenge !== undefined) {
    if (method === 'S256' && S256_CHALLENGE.test(challenge)) return challenge;
    throw new Refusal('invalid_request', 'code_challenge_method must be S256, with a challenge to match.');
  }
  if (client.openid?.pkce !== 'vendor' || method !== undefined)
    throw new Refusal('invalid_request', 'code_challenge is missing: PKCE is required (RFC 7636).');
  if (nonce === undefined)
    throw new Refusal('invalid_request', 'Without a code_challenge a nonce is needed (RFC 9700 2.1.1).');
  return undefined;
}

export interface AuthorizationRequestsDeps {
  clients: Clients;
  partners: Partners;
  channels: Channels;
  idTokens: Pick<IdTokens, 'subjectOf'>;
  identities: Pick<Identities, 'subjectOf'>;
  issuer: string;
}

/** Reads what a browser brings to the authorization endpoint (RFC 6749 section 4.1.1, RFC 7636, RFC 9700). */
export function createReadAuthorizationRequest(deps: AuthorizationRequestsDeps) {
  const { clients, partners, channels, idTokens, identities, issuer } = deps;

  const channelsFor = (partner: Partner, asked: string | undefined): [Channel, ...Channel[]] => {
    const { defaultChannel } = channels;
    const own = [defaultChannel, ...channels.all().filter((channel) => channel !== defaultChannel)].filter(
      (channel) => partner.channelGroups.includes(channel.group),
    );
    const chosen = asked === undefined ? own : own.filter(({ id }) => id === asked);
    const [first, ...others] = chosen;
    if (first) return [first, ...others];
    throw asked === undefined
      ? new Refusal('server_error', 'This partner has no channel that customers could sign in for.')
      : new Refusal('invalid_request', 'The channel is not one of this partner.');
  };

  const openIdOf = async (
    client: OAuthClient,
    scopes: readonly string[],
    parameters: Parameters,
  ): Promise<OpenIdRequest | undefined> => {
    if (!client.openid || !scopes.includes(OPENID_SCOPE)) return undefined;
    const read = readOpenIdParameters(parameters);
    if (typeof read === 'string') throw new Refusal('invalid_request', read);
    const { id_token_hint: hint } = parameters;
    if (hint === undefined) return { ...read, expectedCustomerId: undefined };
    const expectedCustomerId = await idTokens.subjectOf(hint, client.clientId);
    if (expectedCustomerId !== undefined) return { ...read, expectedCustomerId };
    throw new Refusal('invalid_request', 'The id_token_hint is no ID token that this app was given here.');
  };

  /** A customer has another identifier in each group: a session of any of them is to bring the one that is expected. */
  const channelsKnowing = async (
    expected: CustomerIdentifier | undefined,
    own: [Channel, ...Channel[]],
  ): Promise<[Channel, ...Channel[]]> => {
    const subject = expected && (await identities.subjectOf(expected));
    const [first, ...others] = own.filter(({ group }) => group === subject?.group);
    return first ? [first, ...others] : own;
  };

  const checked = async (
    client: OAuthClient,
    partner: Partner,
    parameters: Parameters,
  ): Promise<Pick<AuthorizationRequest, 'scopes' | 'challenge' | 'openid' | 'channels'>> => {
    if (parameters.request !== undefined) throw new Refusal('request_not_supported', 'request is not taken.');
    if (parameters.request_uri !== undefined)
      throw new Refusal('request_uri_not_supported', 'request_uri is not taken.');
    if (parameters.response_type === undefined)
      throw new Refusal('invalid_request', 'response_type is missing.');
    if (parameters.response_type !== 'code')
      throw new Refusal('unsupported_response_type', 'The response_type must be code.');
    if ((parameters.response_mode ?? 'query') !== 'query')
      throw new Refusal('invalid_request', 'The response_mode must be query.');
    if (!client.grantTypes.includes('authorization_code'))
      throw new Refusal('unauthorized_client', 'This client may not use the authorization code grant.');
    const challenge = challengeOf(client, parameters);
    refuseOtherResource(parameters, issuer);
    const scopes = scopesWithin(client.scopes, understoodScope(client, parameters.scope));
    const openid = await openIdOf(client, scopes, parameters);
    const own = channelsFor(partner, parameters.channel);
    return { scopes, challenge, openid, channels: await channelsKnowing(openid?.expectedCustomerId, own) };
  };

  return async (given: Parameters): Promise<ReadAuthorizationRequest> => {
    const parameters = presentParameters(given);
    const { client_id: clientId, redirect_uri: redirectUri, state } = parameters;
    const client = clientId === undefined ? undefined : await clients.usable(clientId);
    const partner = client && partners.find(client.partner);
    if (!client || !partner)
      return { outcome: 'untrusted', message: 'The app that sent you here is not known.' };
    if (redirectUri === undefined || !isRegisteredRedirectUri(client, redirectUri)) {
      return {
        outcome: 'untrusted',
        message: 'The address that the app wants you sent back to is not its own.',
      };
    }
    try {
      const rest = await checked(client, partner, parameters);
      return { outcome: 'valid', request: { client, partner, redirectUri, state, parameters, ...rest } };
    } catch (error) {
      if (!(error instanceof Refusal) && !(error instanceof OAuthError)) throw error;
      const code = error.code as AuthorizationErrorCode;
      const redirectTo = authorizationResponse(
        { redirectUri, state, issuer },
        { error: code, error_description: error.message },
      );
      return { outcome: 'refused', redirectTo, error: code };
    }
  };
}

export type ReadAuthorization = ReturnType<typeof createReadAuthorizationRequest>;
