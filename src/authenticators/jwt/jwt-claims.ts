import type { JwtSettings } from './jwt-settings.ts';

/** Why a token was refused: for the operator's log, never for the caller. */
export type TokenFault =
  | 'malformed'
  | 'token_type'
  | 'algorithm'
  | 'key'
  | 'signature'
  | 'audience'
  | 'authorized_party'
  | 'subject'
  | 'jti'
  | 'not_a_sign_in'
  | 'expired'
  | 'age'
  | 'lifetime'
  | 'reference'
  | 'replayed';

/** OIDC Core 1.0 section 2. */
const MAX_SUBJECT_LENGTH = 255;
const MAX_JTI_LENGTH = 256;

type Claims = Record<string, unknown>;

const isText = (value: unknown, maxLength: number): value is string =>
  typeof value === 'string' && value.length > 0 && value.length <= maxLength;

/** NumericDate (RFC 7519 section 2) that arithmetic cannot overflow. */
const isDate = (value: unknown): value is number =>
  typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER / 1000;

/** `aud` as a list; `undefined` when it is not a string or a list of strings (RFC 7519 section 4.1.3). */
function audiencesOf(aud: unknown): string[] | undefined {
  const list: unknown[] = Array.isArray(aud) ? aud : [aud];
  const sound = list.length > 0 && list.every((one) => typeof one === 'string');
  return sound ? list : undefined;
}

/**
 * An ID token must not name an audience that is not ours (OIDC Core 1.0 section 3.1.3.7); an access token may be meant
 * for further APIs beside us (RFC 9068 section 4).
 */
function audienceFits(claims: Claims, settings: JwtSettings): boolean {
  const audiences = audiencesOf(claims.aud);
  const isOurs = (one: string) => settings.audiences.includes(one);
  if (!audiences) return false;
  return settings.token_type === 'id_token' ? audiences.every(isOurs) : audiences.some(isOurs);
}

/** Every app that the token names as the one it was issued to must be one that may bring it here. */
function partyFits(claims: Claims, settings: JwtSettings): boolean {
  const { azp, client_id: clientId, aud } = claims;
  const isIdToken = settings.token_type === 'id_token';
  const parties = [azp, isIdToken ? undefined : clientId].filter((one) => one !== undefined);
  if (parties.length === 0) {
    // An ID token for one audience was issued to that audience.
    const [audience, more] = audiencesOf(aud) ?? [];
    if (!isIdToken || audience === undefined || more !== undefined) return false;
    parties.push(audience);
  }
  const allowed: readonly unknown[] = settings.authorized_parties ?? settings.audiences;
  return parties.every((one) => allowed.includes(one));
}

/** What providers write into tokens that are not for signing in with, although the same key signs them. */
function isAnotherKind(claims: Claims, settings: JwtSettings): boolean {
  const { typ, token_use: use } = claims;
  const isIdToken = settings.token_type === 'id_token';
  // Keycloak and Amazon Cognito.
  if (typ !== undefined && typ !== (isIdToken ? 'ID' : 'Bearer')) return true;
  if (use !== undefined && use !== (isIdToken ? 'id' : 'access')) return true;
  // Logout and other security event tokens (OIDC Back-Channel Logout 1.0 section 2.4, RFC 8417 section 2.2).
  return claims.events !== undefined;
}

/** A token of an app for itself (RFC 9068 section 2.2), or of somebody who acts for the customer (RFC 8693 4.1). */
function namesNoCustomer(claims: Claims): boolean {
  const { sub, azp, client_id: clientId, act } = claims;
  return act !== undefined || sub === azp || sub === clientId;
}

function timeFault(claims: Claims, settings: JwtSettings, nowSeconds: number): TokenFault | undefined {
  const { exp, iat, nbf } = claims;
  const tolerance = settings.clock_tolerance_seconds;
  if (!isDate(exp) || nowSeconds >= exp + tolerance) return 'expired';
  if (!isDate(iat) || iat > nowSeconds + tolerance) return 'age';
  if (nowSeconds - iat > settings.max_age_seconds + tolerance) return 'age';
  if (nbf !== undefined && (!isDate(nbf) || nbf > nowSeconds + tolerance)) return 'age';
  return exp <= iat || exp - iat > settings.max_lifetime_seconds ? 'lifetime' : undefined;
}

/**
 * The first thing that is wrong with the claims of a token whose signature and issuer were checked; `undefined` when
 * nothing is (RFC 8725 sections 3.8 to 3.12).
 */
export function claimsFault(
  claims: Claims,
  settings: JwtSettings,
  nowSeconds: number,
): TokenFault | undefined {
  const { sub, jti } = claims;
  if (!audienceFits(claims, settings)) return 'audience';
  if (!isText(sub, MAX_SUBJECT_LENGTH)) return 'subject';
  if (jti === undefined ? settings.require_jti : !isText(jti, MAX_JTI_LENGTH)) return 'jti';
  if (isAnotherKind(claims, settings)) return 'token_type';
  if (namesNoCustomer(claims)) return 'not_a_sign_in';
  if (!partyFits(claims, settings)) return 'authorized_party';
  return timeFault(claims, settings, nowSeconds);
}

/**
 * When the customer last proved who they are, by `auth_time` (OIDC Core 1.0 section 2), in Unix milliseconds; never
 * later than now. With single sign-on this is long before the token was issued. `undefined`: the token does not say.
 */
export function checkedAtMs({ auth_time: at }: Claims, nowMs: number): number | undefined {
  return isDate(at) ? Math.min(Math.floor(at) * 1000, nowMs) : undefined;
}
