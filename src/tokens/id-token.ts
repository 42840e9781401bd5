import { hash } from 'node:crypto';
import { type CustomerIdentifier, isTestIdentifier } from '../identifiers/identifier.ts';
import type { Clock } from '../platform/clock.ts';
import { uuidV7 } from '../platform/random.ts';
import { parseJws, signJws, verifySignature } from './jws.ts';
import type { SigningAlgorithm } from './signing-key-types.ts';
import type { SigningRings } from './signing-rings.ts';

/** Other parties look for this type (RFC 7519 section 5.1); none of our own verifiers takes it. */
export const ID_TOKEN_TYPE = 'JWT';
/** Longest life of an ID token, in seconds. */
export const MAX_ID_TOKEN_SECONDS = 28_800;
/**
 * `iat` lies this many seconds back, but never before the sign-in: verifiers whose clock is behind refuse a token from
 * the future, and none takes a token from before its `auth_time`.
 */
const BACKDATED_SECONDS = 5;

/** Names of claims that are ours alone; no profile field may stand under them. */
export const RESERVED_ID_CLAIMS: ReadonlySet<string> = new Set(
  [
    'iss sub aud exp nbf iat jti auth_time nonce acr amr azp sid at_hash c_hash s_hash events',
    'cnf act may_act client_id scope ref gid partner channel test',
  ].flatMap((names) => names.split(' ')),
);

export interface IdTokenRequest {
  /** The audience. */
  clientId: string;
  customerId: CustomerIdentifier;
  /** When the customer proved who they are; milliseconds. */
  authTimeMs: number;
  /** The session; the token holds another name of it for each client. */
  sid: string;
  /** Given back as the client sent it. */
  nonce?: string | undefined;
  /** Authentication context that the client's registration wants stated. */
  acr?: string | undefined;
  /** The access token beside it, for `at_hash`. */
  accessToken: string;
  /** Further claims from the profile; reserved names are left out. */
  claims: Readonly<Record<string, unknown>>;
  /** The token ends at this moment at the latest; milliseconds. */
  notAfterMs: number;
}

export interface IdTokens {
  /** Signs an ID token (OpenID Connect Core 1.0 section 2). Makes the ring's first key where there is none. */
  issue(request: IdTokenRequest): Promise<string>;
  /**
   * Whom an ID token names that this service made for the client, as `id_token_hint` (OpenID Connect Core 1.0 section
   * 3.1.2.1) brings it back: expired or not, for as long as the key that signed it is published. `undefined` for
   * anything else, the ID token of another client included.
   */
  subjectOf(token: string, clientId: string): Promise<CustomerIdentifier | undefined>;
  /** Algorithms that ID tokens are signed with now. */
  algorithms(): SigningAlgorithm[];
}

/** OpenID Connect Core 1.0 section 3.1.3.6: the left half of the hash that belongs to the signature. */
function accessTokenHash(accessToken: string, algorithm: SigningAlgorithm): string {
  const digest = hash(algorithm === 'EdDSA' ? 'sha512' : 'sha256', accessToken, 'buffer');
  return digest.subarray(0, digest.length / 2).toString('base64url');
}

/** By one name of a session for all of them, clients of two partners could tell that their customer is the same. */
function sessionOf({ sid, clientId }: IdTokenRequest): string {
  const digest = hash('sha256', `symbolon/id-token-session|${sid}|${clientId}`, 'buffer');
  return digest.subarray(0, 16).toString('base64url');
}

/** ID tokens for OpenID Connect clients. `sub` is the opaque identifier; the reference is never in them. */
export function createIdTokens(deps: {
  rings: SigningRings;
  clock: Clock;
  issuer: string;
  lifetimeSeconds: number;
  /** Algorithm of the first key, for as long as there is none. */
  algorithm: SigningAlgorithm;
}): IdTokens {
  const { rings, clock, issuer } = deps;
  return {
    issue: async (request) => {
      await rings.ensure('id');
      const key = rings.signer('id');
      const nowMs = clock.nowMs();
      const now = Math.floor(nowMs / 1000);
      const authTime = Math.floor(request.authTimeMs / 1000);
      const iat = Math.max(now - BACKDATED_SECONDS, authTime);
      const latest = Math.floor(request.notAfterMs / 1000);
      const { nonce, acr, claims } = request;
      const own = {
        iss: issuer,
        sub: request.customerId,
        aud: request.clientId,
        iat,
        exp: Math.max(iat + 1, now + 1, Math.min(now + deps.lifetimeSeconds, latest)),
        jti: uuidV7(nowMs),
        auth_time: authTime,
        sid: sessionOf(request),
        at_hash: accessTokenHash(request.accessToken, key.algorithm),
        ...(nonce === undefined ? {} : { nonce }),
        ...(acr === undefined ? {} : { acr }),
        ...(isTestIdentifier(request.customerId) && { test: true }),
      };
      const further = Object.fromEntries(
        Object.entries(claims).filter(([name]) => !RESERVED_ID_CLAIMS.has(name)),
      );
      return signJws(key.encodedHeader(ID_TOKEN_TYPE), { ...further, ...own }, key.algorithm, key.privateKey);
    },
    subjectOf: async (token, clientId) => {
      const jws = parseJws(token);
      if (!jws || jws.header.typ !== ID_TOKEN_TYPE) return undefined;
      // Another process may have made the ring's first key a moment ago.
      await rings.ensure('id');
      const { header, claims, signingInput, signature } = jws;
      const key = rings.verifier('id', header.kid);
      if (key?.algorithm !== header.alg) return undefined;
      const { iss, aud, sub } = claims;
      if (iss !== issuer || aud !== clientId || typeof sub !== 'string') return undefined;
      if (!verifySignature(signingInput, signature, key.algorithm, key.publicKey)) return undefined;
      return sub as CustomerIdentifier;
    },
    algorithms: () => {
      const used = rings.list().flatMap(({ ring, algorithm }) => (ring === 'id' ? [algorithm] : []));
      return used.length === 0 ? [deps.algorithm] : [...new Set(used)];
    },
  };
}
