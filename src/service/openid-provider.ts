import type { Config } from '../config/config.ts';
import { nextTraceparent } from '../http/trace-context.ts';
import { createOpenIdAnswers, type OpenIdAnswersDeps } from '../oauth/openid-answers.ts';
import { createVendorCodes, type VendorCodesDeps } from '../oauth/vendor-codes.ts';
import { createIdTokens } from '../tokens/id-token.ts';
import type { SigningRings } from '../tokens/signing-rings.ts';

/** The OpenID Connect side of the authorization server: ID tokens, claims, and codes for pages of the company's own. */
export function openOpenIdProvider(
  deps: Omit<OpenIdAnswersDeps, 'idTokens' | 'newTraceparent'> &
    Omit<VendorCodesDeps, 'lifetimes' | 'issuer'> & { config: Config; rings: SigningRings },
) {
  const { config } = deps;
  const issuer = config.public_url;
  const lifetimes = {
    idleSeconds: config.sessions.idle_seconds,
    absoluteSeconds: config.sessions.absolute_seconds,
  };
  const idTokens = createIdTokens({
    ...deps,
    issuer,
    lifetimeSeconds: config.tokens.id_token_lifetime_seconds,
    algorithm: config.tokens.id_token_algorithm,
  });
  return {
    lifetimes,
    idTokens,
    answers: createOpenIdAnswers({ ...deps, idTokens, newTraceparent: () => nextTraceparent(undefined) }),
    vendorCodes: createVendorCodes({ ...deps, issuer, lifetimes }),
  };
}
