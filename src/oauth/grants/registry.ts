import { type AuthorizationCodeGrantDeps, createAuthorizationCodeGrant } from './authorization-code.ts';
import { createClientCredentialsGrant } from './client-credentials.ts';
import type { Grant } from './grant.ts';
import { createRefreshTokenGrant } from './refresh-token.ts';
import { createTokenExchangeGrant, TOKEN_EXCHANGE, type TokenExchangeGrantDeps } from './token-exchange.ts';

export type GrantDeps = AuthorizationCodeGrantDeps & TokenExchangeGrantDeps;

/** Every grant type that the token endpoint knows, by its name on the wire. */
export const grantFactories = {
  authorization_code: createAuthorizationCodeGrant,
  client_credentials: createClientCredentialsGrant,
  refresh_token: createRefreshTokenGrant,
  [TOKEN_EXCHANGE]: createTokenExchangeGrant,
} as const satisfies Record<string, (deps: GrantDeps) => Grant>;

export const GRANT_TYPES = Object.keys(grantFactories) as (keyof typeof grantFactories)[];

export function createGrants(deps: GrantDeps): ReadonlyMap<string, Grant> {
  return new Map(Object.entries(grantFactories).map(([type, create]) => [type, create(deps)]));
}
