import { parseReference, type ReferenceSpace } from '../../identifiers/identifier.ts';
import type { Clock } from '../../platform/clock.ts';
import { isJsonObject } from '../../platform/json-object.ts';
import { type ReplayStore, rememberUntilMs, replayId } from '../../replay/replay.ts';
import type { LogoutAnswer } from '../authenticator.ts';
import { type ClaimedToken, parseSubjectToken } from './jwt-parse.ts';
import type { JwtSettings } from './jwt-settings.ts';

/** OpenID Connect Back-Channel Logout 1.0 section 2.4. */
const LOGOUT_EVENT = 'http://schemas.openid.net/event/backchannel-logout';
/** Longest time from `iat` to `exp`; the specification recommends two minutes. */
const MAX_LIFETIME_SECONDS = 600;
const MAX_TEXT_LENGTH = 255;

type Claims = Record<string, unknown>;

const isText = (value: unknown): value is string =>
  typeof value === 'string' && value.length > 0 && value.length <= MAX_TEXT_LENGTH;
const isDate = (value: unknown): value is number =>
  typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER / 1000;

function isTimely({ iat, exp }: Claims, toleranceSeconds: number, nowSeconds: number): boolean {
  if (!isDate(iat) || !isDate(exp) || exp <= iat || exp - iat > MAX_LIFETIME_SECONDS) return false;
  return iat <= nowSeconds + toleranceSeconds && nowSeconds < exp + toleranceSeconds;
}

/** The first claim that makes this no logout token for us (section 2.6); `undefined` when it is one. */
function logoutFault(claims: Claims, settings: JwtSettings, nowSeconds: number): string | undefined {
  const audiences: unknown[] = Array.isArray(claims.aud) ? claims.aud : [claims.aud];
  if (!audiences.some((one) => (settings.audiences as readonly unknown[]).includes(one))) return 'audience';
  const { events } = claims;
  if (!isJsonObject(events) || !Object.hasOwn(events, LOGOUT_EVENT) || !isJsonObject(events[LOGOUT_EVENT]))
    return 'events';
  // What marks an ID token must not stand here: neither may be taken for the other.
  if ('nonce' in claims) return 'nonce';
  if (!isText(claims.jti)) return 'jti';
  if (!isText(claims.sub)) return 'subject';
  return isTimely(claims, settings.clock_tolerance_seconds, nowSeconds) ? undefined : 'expired';
}

export interface LogoutTokensDeps {
  settings: JwtSettings;
  clock: Clock;
  replays: Pick<ReplayStore, 'consume'>;
  /** `unknown`: the provider's keys cannot be had. */
  checkSignature(token: string, claimed: ClaimedToken): Promise<string>;
}

/**
 * Reads the logout tokens of one provider: signed with its keys, meant for us, each used once. A token that names only
 * a session of the provider (`sid` without `sub`) is refused: nobody here is known by that.
 * Throws `STORE_UNAVAILABLE` when nobody can tell whether a token was used before.
 */
export function createLogoutTokens(deps: LogoutTokensDeps): (token: string) => Promise<LogoutAnswer> {
  const { settings, clock } = deps;
  const refused = (reason: string): LogoutAnswer => ({ outcome: 'refused', reason });

  return async (token) => {
    const claimed = parseSubjectToken(token);
    if (!claimed) return refused('malformed');
    const { claims, typ, alg } = claimed;
    if (claims.iss !== settings.issuer) return { outcome: 'not_mine' };
    if (typ !== 'logout+jwt' && typ !== 'jwt') return refused('token_type');
    if (!(settings.algorithms as readonly string[]).includes(alg)) return refused('algorithm');
    const signature = await deps.checkSignature(token, claimed);
    if (signature === 'unknown') return { outcome: 'unavailable' };
    if (signature !== 'sound') return refused(signature);
    const fault = logoutFault(claims, settings, clock.nowMs() / 1000);
    if (fault !== undefined) return refused(fault);
    const named = Object.hasOwn(claims, settings.reference_claim)
      ? claims[settings.reference_claim]
      : undefined;
    const reference = parseReference(named);
    if (reference === undefined) return refused('reference');
    const untilMs = rememberUntilMs(clock.nowMs(), MAX_LIFETIME_SECONDS * 1000);
    const id = replayId([settings.issuer, claims.jti as string]);
    if ((await deps.replays.consume('logout-token', id, untilMs)) === 'replayed') return refused('replayed');
    return { outcome: 'ended', space: settings.reference_space as ReferenceSpace, reference };
  };
}
