import type { OAuthClient } from '../../clients/client.ts';
import type { IssuedAccessToken } from '../../tokens/access-token.ts';

export interface GrantRequest {
  /** Already authenticated and allowed to use this grant. */
  client: OAuthClient;
  /**
   * Of the scopes that this grant may give, those that the client still has and asks for: all of them when it asks
   * for none. Throws `invalid_scope`. Every grant's scopes come from here, so that none can grow.
   */
  scopesWithin(granted: readonly string[]): readonly string[];
  /** The request's own parameters; empty ones are absent. */
  parameters: Readonly<Record<string, string>>;
  /** For audit records of the grant's own. */
  facts: { requestId: string; address: string };
}

export interface GrantAnswer {
  issued: IssuedAccessToken;
  scopes: readonly string[];
  refreshToken?: string | undefined;
  /** Of OpenID Connect. */
  idToken?: string | undefined;
  /** The customer that the token names, if it names one. */
  customerId?: string | undefined;
  /** Token exchange alone says what it gave (RFC 8693 section 2.2.1). */
  issuedTokenType?: string | undefined;
}

/**
 * One way to get a token. Client authentication, scope policy, audit and rendering happen in the token endpoint, so a
 * grant has no place in which to forget them.
 */
export interface Grant {
  readonly grantType: string;
  /** Throws `OAuthError`. */
  grant(request: GrantRequest): Promise<GrantAnswer> | GrantAnswer;
}
