import { hash } from 'node:crypto';
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

export const ACCESS_TOKEN_TYPE = 'at+jwt';
/** Longest life of an access token, in seconds. */
export const MAX_ACCESS_TOKEN_SECONDS = 3_600;

/** The customer that an access token names, from a code or from an exchanged customer token. */
export interface NamedCustomer {
  customerId: CustomerIdentifier;
  channel: string;
  /** Id of the authorization that it came of; revoking that ends the token. */
  grantId: string;
  /** The session of an exchanged customer token or of OpenID Connect: with the session the token ends. */
  sid: string | undefined;
  sealedReference: string;
}

/** A partner's access token (RFC 9068). */
export interface AccessToken extends TokenTimes {
  clientId: string;
  partner: string;
  scopes: ReadonlySet<string>;
  issuedAtMs: number;
  /** `undefined` for a token that a client has for itself. */
  customer: NamedCustomer | undefined;
}

export interface AccessTokenRequest {
  clientId: string;
  partner: string;
  scopes: readonly string[];
  customer?: Omit<NamedCustomer, 'sealedReference'> & {
    reference: CustomerReference;
    /** Profile fields that the customer agreed to; `undefined` when it is not for the customer to say. */
    fields: readonly string[] | undefined;
  };
  /** The token ends at this moment at the latest; milliseconds. */
  notAfterMs?: number;
}

/** What only we can read of the customer that a token names. */
export interface OpenedCustomer {
  reference: CustomerReference;
  /** Whether the customer agreed that the app sees this profile field. */
  agreedTo(field: string): boolean;
}

export interface IssuedAccessToken {
  token: string;
  jti: string;
  issuedAtMs: number;
  expiresInSeconds: number;
}

export interface AccessTokens {
  issue(request: AccessTokenRequest): IssuedAccessToken;
  verify(token: string): Verification<AccessToken>;
  /** Opens what a verified token holds of its customer; `undefined` without one, or without the key. */
  openCustomer(token: AccessToken): OpenedCustomer | undefined;
}

export interface AccessTokensDeps {
  rings: SigningRings;
  keyring: Keyring;
  clock: Clock;
  metrics: Metrics;
  /** Issuer and audience: `PUBLIC_URL`. */
  issuer: string;
  lifetimeSeconds: number;
  clockToleranceSeconds: number;
}

/** The customer of a token whose subject is one; `undefined` when a claim is missing or of the wrong type. */
function readCustomer(claims: Record<string, unknown>, sid: string | undefined): NamedCustomer | undefined {
  const { sub, channel, gid, ref } = claims;
  const customerId = typeof sub === 'string' ? parseIdentifier(sub) : undefined;
  if (!customerId || typeof channel !== 'string' || typeof gid !== 'string' || typeof ref !== 'string') {
    return undefined;
  }
  return { customerId, channel, grantId: gid, sid, sealedReference: ref };
}

const sessionContext = (jti: string) => `access-token|${jti}`;

const AGREED = 'agreed:';
/** 36 bits stand for a name: a partner may see hundreds of fields, and a token has to fit into a header. */
const MARK_LENGTH = 6;
const fieldMark = (field: string) => hash('sha256', field, 'base64url').slice(0, MARK_LENGTH);

/** The agreed fields as they are sealed beside the reference. */
function agreementNote(fields: readonly string[] | undefined): string {
  return fields === undefined ? '' : AGREED + fields.map(fieldMark).join('');
}

function readAgreement(note: string): OpenedCustomer['agreedTo'] {
  if (note === '') return () => true;
  const marks = new Set<string>();
  for (let at = AGREED.length; at < note.length; at += MARK_LENGTH)
    marks.add(note.slice(at, at + MARK_LENGTH));
  return (field) => marks.has(fieldMark(field));
}

export function createAccessTokens(deps: AccessTokensDeps): AccessTokens {
  const { rings, clock, issuer } = deps;
  const references = createReferenceSeal(deps.keyring);
  /** A token in use is opened once; the entry goes when the verified-token cache lets go of the token. */
  const opened = new WeakMap<AccessToken, OpenedCustomer>();
  /**
   * The session is sealed: two partners whose apps a customer uses in one session could else tell by it that their
   * customer is the same.
   */
  const sealSession = (sid: string, jti: string) =>
    deps.keyring.seal('session', Buffer.from(sid, 'utf8'), sessionContext(jti));
  const openSession = (sealed: unknown, jti: string) =>
    typeof sealed === 'string'
      ? deps.keyring.open('session', sealed, sessionContext(jti))?.toString('utf8')
      : undefined;
  const readClaims = (claims: Record<string, unknown>, times: TokenTimes): AccessToken | undefined => {
    const { aud, sub, client_id: clientId, scope, partner } = claims;
    if (aud !== issuer || typeof clientId !== 'string') return undefined;
    const sid = openSession(claims.ses, times.jti);
    if (claims.ses !== undefined && sid === undefined) return undefined;
    const customer = sub === clientId ? undefined : readCustomer(claims, sid);
    if (sub !== clientId && !customer) return undefined;
    if (typeof scope !== 'string' || typeof partner !== 'string') return undefined;
    const issuedAtMs = uuidTimeMs(times.jti);
    if (issuedAtMs === undefined) return undefined;
    const scopes = new Set(scope.split(' ').filter(Boolean));
    return { ...times, clientId, partner, scopes, issuedAtMs, customer };
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
    issue: ({ clientId, partner, scopes, customer, notAfterMs }) => {
      const issuedAtMs = clock.nowMs();
      const iat = Math.floor(issuedAtMs / 1000);
      const jti = uuidV7(issuedAtMs);
      const key = rings.signer('access');
      const latest = notAfterMs === undefined ? deps.lifetimeSeconds : Math.floor(notAfterMs / 1000) - iat;
      const expiresInSeconds = Math.max(1, Math.min(deps.lifetimeSeconds, latest));
      const claims = {
        iss: issuer,
        aud: issuer,
        sub: customer?.customerId ?? clientId,
        client_id: clientId,
        partner,
        scope: scopes.join(' '),
        iat,
        exp: iat + expiresInSeconds,
        jti,
        ...(customer && {
          channel: customer.channel,
          gid: customer.grantId,
          ...(isTestIdentifier(customer.customerId) && { test: true }),
          ...(customer.sid === undefined ? {} : { ses: sealSession(customer.sid, jti) }),
          ref: references.seal({ reference: customer.reference, note: agreementNote(customer.fields) }, jti),
        }),
      };
      const token = signJws(key.encodedHeader(ACCESS_TOKEN_TYPE), claims, key.algorithm, key.privateKey);
      verifier.made(token);
      return { token, jti, issuedAtMs, expiresInSeconds };
    },
    verify: verifier.verify,
    openCustomer: (token) => {
      const known = opened.get(token);
      if (known !== undefined || !token.customer) return known;
      const content = references.open(token.customer.sealedReference, token.jti);
      const customer = content && { reference: content.reference, agreedTo: readAgreement(content.note) };
      if (customer) opened.set(token, customer);
      return customer;
    },
  };
}
