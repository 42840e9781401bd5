import type { AccessTokens } from '../../tokens/access-token.ts';
import type { Grant } from './grant.ts';

/** RFC 6749 section 4.4: a partner's server gets a token for itself. There is never a refresh token (4.4.3). */
export function createClientCredentialsGrant({ accessTokens }: { accessTokens: AccessTokens }): Grant {
  return {
    grantType: 'client_credentials',
    grant: ({ client, scopesWithin }) => {
      const scopes = scopesWithin(client.scopes);
      const issued = accessTokens.issue({ clientId: client.clientId, partner: client.partner, scopes });
      return { issued, scopes };
    },
  };
}
