import { type Clock, epochSeconds } from '../platform/clock.ts';
import type { Metrics } from '../platform/metrics.ts';
import { parseJws, verifySignature } from './jws.ts';
import type { SigningRing } from './signing-key-types.ts';
import type { SigningRings } from './signing-rings.ts';
import { createMadeTokens } from './made-tokens.ts';
import { createVerifiedTokenCache } from './verified-token-cache.ts';

/** What every token of ours carries, checked and typed. */
export interface TokenTimes {
  /** Seconds since the epoch. */
  iat: number;
  exp: number;
  jti: string;
}

/** An expired token is given too: only whom it concerns may learn that it was genuine. */
export type Verification<Entry> =
  | { ok: true; token: Entry }
  | { ok: false; failure: 'expired'; token: Entry }
  | { ok: false; failure: 'invalid' };

export interface TokenVerifier<Entry> {
  /** Synchronous and without a store: signature (or cache), type, issuer, claims, age. Not revocation. */
  verify(token: string): Verification<Entry>;
  /** Notes a token that this process has just signed: its signature need not be checked when it comes back. */
  made(token: string): void;
}

export interface TokenVerifierOptions<Entry extends TokenTimes> {
  rings: SigningRings;
  clock: Clock;
  metrics: Metrics;
  ring: SigningRing;
  /** Required `typ` of the header: one kind of token is never taken for another (RFC 8725 3.11). */
  typ: string;
  issuer: string;
  /** How far ahead of us the clock of the issuing process may be. At most 60. */
  clockToleranceSeconds: number;
  maxLifetimeSeconds: number;
  /** Tokens remembered per generation. Default 20,000. */
  cacheCapacity?: number;
  /** Reads the claims that are the kind's own; `undefined` when one is missing or of the wrong type. */
  readClaims(claims: Record<string, unknown>, times: TokenTimes): Entry | undefined;
}

/** Of the tokens that were made last, about so many are known again: two MiB of digests. */
const MADE_TOKENS = 65_536;

const INVALID = { ok: false, failure: 'invalid' } as const;

function readTimes(claims: Record<string, unknown>): TokenTimes | undefined {
  const { iat, exp, jti } = claims;
  if (!Number.isSafeInteger(iat) || !Number.isSafeInteger(exp)) return undefined;
  if (typeof jti !== 'string' || jti.length === 0 || jti.length > 64) return undefined;
  return { iat: iat as number, exp: exp as number, jti };
}

export function createTokenVerifier<Entry extends TokenTimes>(
  options: TokenVerifierOptions<Entry>,
): TokenVerifier<Entry> {
  const { rings, clock, metrics, ring } = options;
  const cache = createVerifiedTokenCache<Entry>(options.cacheCapacity ?? 20_000);
  const made = createMadeTokens(MADE_TOKENS);
  const cached = metrics.verifiedTokens.labels({ kind: ring, result: 'cached' });
  const verified = metrics.verifiedTokens.labels({ kind: ring, result: 'verified' });
  const own = metrics.verifiedTokens.labels({ kind: ring, result: 'own' });
  const refused = metrics.verifiedTokens.labels({ kind: ring, result: 'refused' });

  /** Everything that does not change with time, checked once per token. */
  const firstSight = (token: string, digest: string, epoch: number): Entry | undefined => {
    const jws = parseJws(token);
    if (!jws || jws.header.typ !== options.typ) return undefined;
    const key = rings.verifier(ring, jws.header.kid);
    if (!key || key.algorithm !== jws.header.alg) return undefined;
    const times = readTimes(jws.claims);
    if (!times || jws.claims.iss !== options.issuer || 'nbf' in jws.claims) return undefined;
    if (times.exp <= times.iat || times.exp - times.iat > options.maxLifetimeSeconds) return undefined;
    const entry = options.readClaims(jws.claims, times);
    if (!entry) return undefined;
    const isOwn = made.has(digest);
    if (!isOwn && !verifySignature(jws.signingInput, jws.signature, key.algorithm, key.publicKey)) {
      cache.refuse(digest, epoch);
      return undefined;
    }
    (isOwn ? own : verified).inc();
    cache.put(digest, entry, epoch);
    return entry;
  };

  return {
    verify: (token) => {
      const { epoch } = rings;
      const digest = cache.digest(token);
      const hit = cache.get(digest, epoch);
      const entry = hit === 'refused' ? undefined : (hit ?? firstSight(token, digest, epoch));
      if (!entry) {
        refused.inc();
        return INVALID;
      }
      if (hit) cached.inc();
      const now = epochSeconds(clock);
      if (now >= entry.exp) return { ok: false, failure: 'expired', token: entry };
      if (entry.iat > now + options.clockToleranceSeconds) return INVALID;
      return { ok: true, token: entry };
    },
    made: (token) => made.add(cache.digest(token)),
  };
}
