import type { CheckCustomerToken } from '../../customers/customer-token-check.ts';
import { OAuthError } from '../../errors.ts';
import type { Partners } from '../../partners/partners.ts';
import type { AccessTokens } from '../../tokens/access-token.ts';
import { newFamilyId } from '../../tokens/refresh-token-text.ts';
import { requiredParameter } from '../parameters.ts';
import type { Grant } from './grant.ts';

export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const JWT = 'urn:ietf:params:oauth:token-type:jwt';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';

export interface TokenExchangeGrantDeps {
  accessTokens: AccessTokens;
  checkCustomerToken: CheckCustomerToken;
  partners: Partners;
}

/**
 * RFC 8693: a partner that holds a customer token of one of its own channels gets an access token that names this
 * customer. It lives no longer than the customer token and ends with the customer's session.
 */
export function createTokenExchangeGrant(deps: TokenExchangeGrantDeps): Grant {
  return {
    grantType: TOKEN_EXCHANGE,
    grant: ({ client, scopesWithin, parameters }) => {
      const subjectToken = requiredParameter(parameters, 'subject_token');
      if (requiredParameter(parameters, 'subject_token_type') !== JWT) {
        throw new OAuthError('invalid_request', { message: `The subject_token_type must be ${JWT}.` });
      }
      const wanted = parameters.requested_token_type ?? ACCESS_TOKEN;
      if (wanted !== ACCESS_TOKEN) {
        throw new OAuthError('invalid_request', {
          message: 'Only access tokens are given; leave requested_token_type out.',
        });
      }
      if (parameters.actor_token !== undefined || parameters.actor_token_type !== undefined) {
        throw new OAuthError('invalid_request', { message: 'Actor tokens are not taken.' });
      }
      const partner = deps.partners.find(client.partner);
      const checked = partner && deps.checkCustomerToken(subjectToken, partner);
      // RFC 8693 section 2.2.2: a subject token that is not valid is an invalid request.
      if (!checked?.ok) {
        throw new OAuthError('invalid_request', {
          message: 'The subject_token is not valid or has expired.',
        });
      }
      const { token, reference } = checked;
      const scopes = scopesWithin(client.scopes);
      const issued = deps.accessTokens.issue({
        clientId: client.clientId,
        partner: client.partner,
        scopes,
        customer: {
          customerId: token.customerId,
          reference,
          fields: undefined,
          channel: token.channel,
          grantId: newFamilyId(),
          sid: token.sid,
        },
        notAfterMs: token.exp * 1000,
      });
      return { issued, scopes, customerId: token.customerId, issuedTokenType: ACCESS_TOKEN };
    },
  };
}
