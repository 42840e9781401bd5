import { createHmac, timingSafeEqual } from 'node:crypto';
import {
  createLocalJWKSet,
  decodeJwt,
  decodeProtectedHeader,
  type JSONWebKeySet,
  type JWTPayload,
  jwtVerify,
} from 'jose';
import type { ChannelProfile } from './channel-profile.ts';

/** A proof as it reached the vendor, with what the vendor knows. */
export interface ReceivedProof {
  profile: ChannelProfile;
  token: string;
  /** Text of the shared secret, as the vendor's console shows it. */
  secret: string | undefined;
  /** What the widget said that the HMAC is about. */
  message: string | undefined;
  /** Our published keys. */
  keySet: JSONWebKeySet;
  /** Issuer of our customer tokens. */
  issuer: string;
  channel: string;
  nowMs: number;
}

export type ProofVerdict =
  | { verdict: 'accepted' }
  | { verdict: 'refused'; why: string }
  /** Only the vendor can tell: it made the token, or redeems the code. */
  | { verdict: 'not_checkable' };

const ACCEPTED = { verdict: 'accepted' } as const;
const refused = (why: string): ProofVerdict => ({ verdict: 'refused', why });

const CODES: Record<string, string> = {
  ERR_JWS_SIGNATURE_VERIFICATION_FAILED: 'the signature does not match',
  ERR_JWT_EXPIRED: 'it has expired',
  ERR_JOSE_ALG_NOT_ALLOWED: 'its algorithm is not the agreed one',
  ERR_JOSE_NOT_SUPPORTED: 'its algorithm is not the agreed one',
  ERR_JWKS_NO_MATCHING_KEY: 'its key is not published',
  ERR_JWT_CLAIM_VALIDATION_FAILED: 'a claim is not what it must be',
};

function whyNot(error: unknown): ProofVerdict {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return refused(CODES[code] ?? 'it is not a well-formed token');
}

/** The caps that the record states, looked at from the other side. */
function withinCaps({ exp, iat }: JWTPayload, maxSeconds: number): ProofVerdict {
  if (exp === undefined || iat === undefined) return ACCEPTED;
  return exp - iat > maxSeconds ? refused('it lives longer than the vendor allows') : ACCEPTED;
}

async function verifyJwt(received: ReceivedProof): Promise<ProofVerdict> {
  const { profile, token, secret, keySet, nowMs } = received;
  const { proof } = profile;
  const currentDate = new Date(nowMs);
  try {
    if (proof.shape === 'shared_secret_jwt') {
      const key = Buffer.from(secret ?? '', proof.secretEncoding);
      const { payload } = await jwtVerify(token, key, { algorithms: [proof.algorithm], currentDate });
      return withinCaps(payload, proof.lifetime.maxSeconds);
    }
    if (proof.shape === 'published_key_jwt') {
      // The same key serves both algorithms; a vendor that was given one by hand was told which.
      const { algorithm } = proof;
      const keys = keySet.keys.map((key) => ({ ...key, ...(key.kty === 'RSA' && { alg: algorithm }) }));
      const options = { algorithms: [algorithm], currentDate };
      const { payload } = await jwtVerify(token, createLocalJWKSet({ keys }), options);
      return withinCaps(payload, proof.lifetime.maxSeconds);
    }
    await jwtVerify(token, createLocalJWKSet(keySet), {
      issuer: received.issuer,
      audience: received.channel,
      typ: 'customer+jwt',
      currentDate,
    });
    return ACCEPTED;
  } catch (error) {
    return whyNot(error);
  }
}

function verifyHmac({ profile, token, secret, message }: ReceivedProof): ProofVerdict {
  const { proof } = profile;
  if (proof.shape !== 'hmac' || message === undefined) return refused('it says nothing about anybody');
  if (!/^[0-9a-f]{64}$/.test(token)) return refused('it is not a hex HMAC-SHA-256');
  const expected = createHmac('sha256', Buffer.from(secret ?? '', proof.secretEncoding))
    .update(message)
    .digest();
  const matches = timingSafeEqual(expected, Buffer.from(token, 'hex'));
  return matches ? ACCEPTED : refused('the HMAC does not match');
}

/**
 * Checks a proof as the vendor's documentation says that the vendor does, with another library than the one that made
 * it, and with nothing but what the vendor has.
 */
export async function verifyProof(received: ReceivedProof): Promise<ProofVerdict> {
  switch (received.profile.proof.shape) {
    case 'pass_through':
    case 'shared_secret_jwt':
    case 'published_key_jwt':
      return verifyJwt(received);
    case 'hmac':
      return verifyHmac(received);
    case 'fetched_token':
    case 'oidc_code':
      return { verdict: 'not_checkable' };
  }
}

/** What anybody can read in a token, without its signature; `undefined` for what is no JWT. */
export function decodeProof(token: string): { header: object; claims: object } | undefined {
  try {
    return { header: decodeProtectedHeader(token), claims: decodeJwt(token) };
  } catch {
    return undefined;
  }
}
