import type { CustomerReference } from '../../identifiers/identifier.ts';
import { parseReference } from '../../identifiers/identifier.ts';
import { checkedAtMs, claimsFault, type TokenFault } from '../jwt/jwt-claims.ts';
import { type ClaimedToken, parseSubjectToken } from '../jwt/jwt-parse.ts';
import type { JwtSettings } from '../jwt/jwt-settings.ts';
import { checkSignature, headerFault } from '../jwt/jwt-signature.ts';
import type { KeySet } from '../jwt/key-set.ts';

export type IdTokenFault = TokenFault | 'issuer' | 'nonce' | 'sign_in_age' | 'acr';

/** What this one sign-in asked for. */
export interface ExpectedSignIn {
  nonce: string;
  maxAgeSeconds: number | undefined;
  acrValues: readonly string[] | undefined;
}

export type IdTokenVerdict =
  | {
      verdict: 'sound';
      reference: CustomerReference;
      issuedAtSeconds: number;
      /** When the provider last checked the credentials, if it says so. */
      checkedAtMs: number | undefined;
    }
  | { verdict: 'wrong'; fault: IdTokenFault }
  /** The provider's keys cannot be had. */
  | { verdict: 'unknown' };

const wrong = (fault: IdTokenFault): IdTokenVerdict => ({ verdict: 'wrong', fault });

/** The claims that answer parameters of the request (OIDC Core 1.0 sections 3.1.2.1 and 3.1.3.7). */
function answerFault(
  { claims }: ClaimedToken,
  expected: ExpectedSignIn,
  { nowSeconds, toleranceSeconds }: { nowSeconds: number; toleranceSeconds: number },
): IdTokenFault | undefined {
  if (claims.nonce !== expected.nonce) return 'nonce';
  if (expected.maxAgeSeconds !== undefined) {
    const { auth_time: at } = claims;
    const isTimely =
      typeof at === 'number' &&
      at <= nowSeconds + toleranceSeconds &&
      nowSeconds - at <= expected.maxAgeSeconds + toleranceSeconds;
    if (!isTimely) return 'sign_in_age';
  }
  const { acrValues } = expected;
  return acrValues && !(acrValues as readonly unknown[]).includes(claims.acr) ? 'acr' : undefined;
}

/**
 * Checks the ID token of a sign-in: every rule of the `jwt` authenticator, and that it answers this very request
 * (OIDC Core 1.0 section 3.1.3.7). The signature is checked although the token came by TLS.
 */
export async function checkIdToken(
  token: string,
  expected: ExpectedSignIn,
  { rules, keySet, nowSeconds }: { rules: JwtSettings; keySet: KeySet; nowSeconds: number },
): Promise<IdTokenVerdict> {
  const claimed = parseSubjectToken(token);
  if (!claimed) return wrong('malformed');
  if (claimed.claims.iss !== rules.issuer) return wrong('issuer');
  const unfit = headerFault(claimed, rules);
  if (unfit) return wrong(unfit);
  const signature = await checkSignature(token, claimed, keySet);
  if (signature === 'unknown') return { verdict: 'unknown' };
  if (signature !== 'sound') return wrong(signature);
  const times = { nowSeconds, toleranceSeconds: rules.clock_tolerance_seconds };
  const fault = claimsFault(claimed.claims, rules, nowSeconds) ?? answerFault(claimed, expected, times);
  if (fault) return wrong(fault);
  const { claims } = claimed;
  const named = Object.hasOwn(claims, rules.reference_claim) ? claims[rules.reference_claim] : undefined;
  const reference = parseReference(named);
  if (reference === undefined) return wrong('reference');
  return {
    verdict: 'sound',
    reference,
    issuedAtSeconds: claims.iat as number,
    checkedAtMs: checkedAtMs(claims, nowSeconds * 1000),
  };
}
