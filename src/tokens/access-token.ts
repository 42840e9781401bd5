import type { Clock } from '../platform/clock.ts';
import type { Metrics } from '../platform/metrics.ts';
import { uuidTimeMs, uuidV7 } from '../platform/random.ts';
import { signJws } from './jws.ts';
import type { SigningRings } from './signing-rings.ts';
import { createTokenVerifier, type TokenTimes, type Verification } from './token-verifier.ts';

export const ACCESS_TOKEN_TYPE = 'at+jwt';
/** Longest life of an access token, in seconds. */
export const MAX_ACCESS_TOKEN_SECONDS = 3_600;

/** A partner's access token (RFC 9068). */
export interface AccessToken extends TokenTimes {
  clientId: string;
  partner: string;
  scopes: ReadonlySet<string>;
  issuedAtMs: number;
}

export interface IssuedAccessToken {
  token: string;
  jti: string;
  issuedAtMs: number;
  expiresInSeconds: number;
}

export interface AccessTokens {
  issue(request: { clientId: string; partner: string; scopes: readonly string[] }): IssuedAccessToken;
  verify(token: string): Verification<AccessToken>;
}

export interface AccessTokensDeps {
  rings: SigningRings;
  clock: Clock;
  metrics: Metrics;
  /** Issuer and audience: `PUBLIC_URL`. */
  issuer: string;
  lifetimeSeconds: number;
  clockToleranceSeconds: number;
}

export function createAccessTokens(deps: AccessTokensDeps): AccessTokens {
  const { rings, clock, issuer } = deps;
  const readClaims = (claims: Record<string, unknown>, times: TokenTimes): AccessToken | undefined => {
    const { aud, sub, client_id: clientId, scope, partner } = claims;
    if (aud !== issuer || typeof clientId !== 'string' || sub !== clientId) return undefined;
    if (typeof scope !== 'string' || typeof partner !== 'string') return undefined;
    const issuedAtMs = uuidTimeMs(times.jti);
    if (issuedAtMs === undefined) return undefined;
    return { ...times, clientId, partner, scopes: new Set(scope.split(' ').filter(Boolean)), issuedAtMs };
  };
  const verifier = createTokenVerifier<AccessToken>({
    rings,
    clock,
    metrics: deps.metrics,
    ring: 'access',
    typ: ACCESS_TOKEN_TYPE,
    issuer,
    clockToleranceSeconds: deps.clockToleranceSeconds,
    maxLifetimeSeconds: MAX_ACCESS_TOKEN_SECONDS,
    readClaims,
  });
  return {
    issue: ({ clientId, partner, scopes }) => {
      const issuedAtMs = clock.nowMs();
      const iat = Math.floor(issuedAtMs / 1000);
      const jti = uuidV7(issuedAtMs);
      const key = rings.signer('access');
      const claims = {
        iss: issuer,
        aud: issuer,
        sub: clientId,
        client_id: clientId,
        partner,
        scope: scopes.join(' '),
        iat,
        exp: iat + deps.lifetimeSeconds,
        jti,
      };
      const token = signJws(key.encodedHeader(ACCESS_TOKEN_TYPE), claims, key.algorithm, key.privateKey);
      return { token, jti, issuedAtMs, expiresInSeconds: deps.lifetimeSeconds };
    },
    verify: verifier.verify,
  };
}
