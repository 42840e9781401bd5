import type { AccessTokens } from '../../tokens/access-token.ts';
import { createClientCredentialsGrant } from './client-credentials.ts';
import type { Grant } from './grant.ts';

/** Every grant type that the token endpoint knows, by its name on the wire. */
export const grantFactories = {
  client_credentials: createClientCredentialsGrant,
} as const;

export const GRANT_TYPES = Object.keys(grantFactories) as (keyof typeof grantFactories)[];

export function createGrants(deps: { accessTokens: AccessTokens }): ReadonlyMap<string, Grant> {
  return new Map(Object.entries(grantFactories).map(([type, create]) => [type, create(deps)]));
}
