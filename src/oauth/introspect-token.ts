import type { Partners } from '../partners/partners.ts';
import type { Clock } from '../platform/clock.ts';
import type { Revocations } from '../revocation/revocations.ts';
import type { AccessTokens } from '../tokens/access-token.ts';
import { isAccessTokenLive } from './access-token-liveness.ts';
import type { AppFamilies } from './app-access.ts';
import type { AuthenticateClient, OAuthRequest } from './client-authentication.ts';
import { isBoundOver } from './openid-binding.ts';
import { presentParameters, requiredParameter } from './parameters.ts';

export interface IntrospectTokenDeps {
  authenticateClient: AuthenticateClient;
  accessTokens: AccessTokens;
  families: AppFamilies;
  revocations: Revocations;
  partners: Partners;
  clock: Clock;
  issuer: string;
}

/** What RFC 7662 section 2.2 says of a token. */
export type Introspection =
  | { active: false }
  | {
      active: true;
      client_id: string;
      scope: string;
      sub: string;
      iss: string;
      aud: string;
      /** Seconds since the epoch. */
      exp: number;
      iat: number;
      token_type?: string;
      jti?: string;
    };

/**
 * RFC 7662, for confidential clients about their own tokens. Whatever is not a living token of the caller is
 * `{"active":false}` and nothing more.
 */
export function createIntrospectToken(deps: IntrospectTokenDeps) {
  const { accessTokens, families, issuer } = deps;

  const ofAccessToken = (text: string, clientId: string): Introspection | undefined => {
    const verified = accessTokens.verify(text);
    if (!verified.ok) return undefined;
    const { token } = verified;
    if (token.clientId !== clientId || !isAccessTokenLive(token, deps)) return undefined;
    return {
      active: true,
      client_id: token.clientId,
      scope: [...token.scopes].join(' '),
      sub: token.customer?.customerId ?? token.clientId,
      iss: issuer,
      aud: issuer,
      exp: token.exp,
      iat: token.iat,
      token_type: 'Bearer',
      jti: token.jti,
    };
  };

  const ofRefreshToken = async (text: string, clientId: string): Promise<Introspection | undefined> => {
    const family = await families.inspect(text, clientId);
    if (!family) return undefined;
    const { session } = family.payload;
    const now = { nowMs: deps.clock.nowMs(), givenAtMs: family.createdAtMs, revocations: deps.revocations };
    if (isBoundOver(session, now)) return undefined;
    return {
      active: true,
      client_id: clientId,
      scope: family.payload.scopes.join(' '),
      sub: family.customerId,
      iss: issuer,
      aud: issuer,
      exp: Math.floor(family.expiresAtMs / 1000),
      iat: Math.floor(family.createdAtMs / 1000),
    };
  };

  return async (request: OAuthRequest): Promise<Introspection> => {
    const parameters = presentParameters(request.parameters);
    const client = await deps.authenticateClient({ ...request, parameters }, ['secret', 'private_key_jwt']);
    const token = requiredParameter(parameters, 'token');
    return (
      ofAccessToken(token, client.clientId) ??
      (await ofRefreshToken(token, client.clientId)) ?? { active: false }
    );
  };
}

export type IntrospectToken = ReturnType<typeof createIntrospectToken>;
