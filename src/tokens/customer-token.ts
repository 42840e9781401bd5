/**
 * The customer token: our short-lived JWT that proves a customer to a channel. It holds no name, mail or account
 * number in clear; the reference inside is sealed so that only we can read it, and `/getprofile` needs no look-up.
 */
import {
  type CustomerIdentifier,
  type CustomerReference,
  isTestIdentifier,
  parseIdentifier,
} from '../identifiers/identifier.ts';
import type { Keyring } from '../keyring/keyring.ts';
import type { Clock } from '../platform/clock.ts';
import type { Metrics } from '../platform/metrics.ts';
import { uuidTimeMs, uuidV7 } from '../platform/random.ts';
import { signJws } from './jws.ts';
import { createReferenceSeal } from './reference-seal.ts';
import type { SigningRings } from './signing-rings.ts';
import { createTokenVerifier, type TokenTimes, type Verification } from './token-verifier.ts';

export const CUSTOMER_TOKEN_TYPE = 'customer+jwt';
/** Longest life of a customer token, in seconds (the eight hours of the field's public example). */
export const MAX_CUSTOMER_TOKEN_SECONDS = 28_800;
/** How long past its end a customer token still opens something in the stages before `enforce`. */
export const LATE_PROOF_SECONDS = 86_400;
/**
 * Longest time after its issue for which a customer token may still be shown, clocks that differ included: whatever
 * ends one has to be remembered for at least this long, in seconds.
 */
export const LONGEST_SHOWN_SECONDS = MAX_CUSTOMER_TOKEN_SECONDS + LATE_PROOF_SECONDS + 3_600;

export interface CustomerToken extends TokenTimes {
  customerId: CustomerIdentifier;
  /** The audience. */
  channel: string;
  sid: string;
  authTime: number;
  /** When it was issued, in milliseconds, read from `jti`. */
  issuedAtMs: number;
  sealedReference: string;
}

export interface CustomerTokenRequest {
  customerId: CustomerIdentifier;
  reference: CustomerReference;
  channel: string;
  sid: string;
  authTimeMs: number;
  /** Life in seconds. */
  lifetimeSeconds: number;
  /** Expires at this moment at the latest, and a second from now at the earliest; Unix milliseconds. */
  notAfterMs?: number | undefined;
}

export interface IssuedCustomerToken {
  token: string;
  issuedAtMs: number;
  expiresInSeconds: number;
}

export interface CustomerTokens {
  issue(request: CustomerTokenRequest): IssuedCustomerToken;
  verify(token: string): Verification<CustomerToken>;
  /** Opens the reference inside a verified token; `undefined` when it was sealed under a key we no longer have. */
  openReference(token: CustomerToken): CustomerReference | undefined;
  /** The moment of the sign-in, to the millisecond; of a token that does not keep it, the moment of its issue. */
  authenticatedAtMs(token: CustomerToken): number;
}

export interface CustomerTokensDeps {
  rings: SigningRings;
  keyring: Keyring;
  clock: Clock;
  metrics: Metrics;
  issuer: string;
  clockToleranceSeconds: number;
}

/** A token in use is opened once; what it holds goes when the verified-token cache lets go of the token. */
const OPENED = Symbol('opened');
/** With what was opened, because a copy of a token with other content takes this along. */
type Opened = Pick<CustomerToken, 'sealedReference' | 'jti'> & { reference: CustomerReference };
type HeldToken = CustomerToken & { [OPENED]?: Opened | undefined };

/** What the claim `auth_time` cuts off, in three digits: as long for every moment. */
const millisecondsOf = (atMs: number): string => String(atMs % 1000).padStart(3, '0');

export function createCustomerTokens(deps: CustomerTokensDeps): CustomerTokens {
  const { rings, clock } = deps;
  const references = createReferenceSeal(deps.keyring);

  const readClaims = (claims: Record<string, unknown>, times: TokenTimes): HeldToken | undefined => {
    const { sub, aud, sid, auth_time: authTime, ref } = claims;
    if (typeof sub !== 'string' || typeof aud !== 'string' || typeof sid !== 'string') return undefined;
    if (!Number.isSafeInteger(authTime) || typeof ref !== 'string') return undefined;
    const customerId = parseIdentifier(sub);
    const issuedAtMs = uuidTimeMs(times.jti);
    if (!customerId || issuedAtMs === undefined) return undefined;
    const { iat, exp, jti } = times;
    return {
      iat,
      exp,
      jti,
      customerId,
      channel: aud,
      sid,
      authTime: authTime as number,
      issuedAtMs,
      sealedReference: ref,
      [OPENED]: undefined,
    };
  };

  const verifier = createTokenVerifier<CustomerToken>({
    rings,
    clock,
    metrics: deps.metrics,
    ring: 'customer',
    typ: CUSTOMER_TOKEN_TYPE,
    issuer: deps.issuer,
    clockToleranceSeconds: deps.clockToleranceSeconds,
    maxLifetimeSeconds: MAX_CUSTOMER_TOKEN_SECONDS,
    readClaims,
  });

  return {
    issue: (request) => {
      const issuedAtMs = clock.nowMs();
      const iat = Math.floor(issuedAtMs / 1000);
      const leftSeconds = Math.floor((request.notAfterMs ?? Infinity) / 1000) - iat;
      const expiresInSeconds = Math.max(1, Math.min(request.lifetimeSeconds, leftSeconds));
      const jti = uuidV7(issuedAtMs);
      const key = rings.signer('customer');
      const claims = {
        iss: deps.issuer,
        aud: request.channel,
        sub: request.customerId,
        iat,
        exp: iat + expiresInSeconds,
        jti,
        sid: request.sid,
        auth_time: Math.floor(request.authTimeMs / 1000),
        ref: references.seal({ reference: request.reference, note: millisecondsOf(request.authTimeMs) }, jti),
        ...(isTestIdentifier(request.customerId) && { test: true }),
      };
      const token = signJws(key.encodedHeader(CUSTOMER_TOKEN_TYPE), claims, key.algorithm, key.privateKey);
      verifier.made(token);
      return { token, issuedAtMs, expiresInSeconds };
    },
    verify: verifier.verify,
    authenticatedAtMs: ({ sealedReference, jti, issuedAtMs, authTime }) => {
      const note = references.open(sealedReference, jti)?.note ?? '';
      return /^\d{3}$/.test(note) ? authTime * 1000 + Number(note) : issuedAtMs;
    },
    openReference: (token: HeldToken) => {
      const { [OPENED]: opened, sealedReference, jti } = token;
      if (opened && opened.sealedReference === sealedReference && opened.jti === jti) return opened.reference;
      const reference = references.open(sealedReference, jti)?.reference;
      if (reference !== undefined) token[OPENED] = { sealedReference, jti, reference };
      return reference;
    },
  };
}
