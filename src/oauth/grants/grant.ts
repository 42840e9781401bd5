import type { OAuthClient } from '../../clients/client.ts';
import type { IssuedAccessToken } from '../../tokens/access-token.ts';

export interface GrantRequest {
  /** Already authenticated and allowed to use this grant. */
  client: OAuthClient;
  /** Granted scopes: within what the client has. */
  scopes: readonly string[];
  /** The request's own parameters; empty ones are absent. */
  parameters: Readonly<Record<string, string>>;
}

/**
 * One way to get a token. Client authentication, scope policy, audit and rendering happen in the token endpoint, so a
 * grant has no place in which to forget them.
 */
export interface Grant {
  readonly grantType: string;
  /** Throws `OAuthError`. */
  grant(request: GrantRequest): Promise<IssuedAccessToken> | IssuedAccessToken;
}
