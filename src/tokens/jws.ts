/**
 * Tokens: the signed tokens we issue and their verification. This file is the JWS compact form (RFC 7515) and
 * nothing else: one spelling per token, algorithms fixed by the key, no key ever taken from a header (RFC 8725).
 */
import { type KeyObject, sign, verify } from 'node:crypto';
import { decodeBase64Url, decodeUtf8 } from '../platform/encoding.ts';
import { isJsonObject } from '../platform/json-object.ts';
import type { SigningAlgorithm } from './signing-key-types.ts';

/** Longer tokens are refused before anything is decoded. */
export const MAX_TOKEN_LENGTH = 8_192;

const KID = /^[A-Za-z0-9_-]{1,64}$/;
const HEADER_MEMBERS = new Set(['alg', 'typ', 'kid']);

export interface JwsHeader {
  alg: SigningAlgorithm;
  typ: string;
  kid: string;
}

export interface ParsedJws {
  header: JwsHeader;
  claims: Record<string, unknown>;
  /** What was signed: the first two parts as they stand. */
  signingInput: string;
  signature: Buffer;
}

/**
 * A JSON object as `JSON.stringify` writes it. Any other spelling (white space, a member given twice, an escape that
 * is not needed) is refused: two readers could take it for two things (RFC 8725 2.4, RFC 7515 section 4).
 */
function decodeObject(part: string): Record<string, unknown> | undefined {
  const bytes = decodeBase64Url(part);
  const text = bytes && decodeUtf8(bytes);
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) && JSON.stringify(value) === text ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Headers by their spelling: all tokens of one key and kind begin alike. Bounded, because anybody can spell one. */
const knownHeaders = new Map<string, JwsHeader>();
const MAX_KNOWN_HEADERS = 64;

function readHeader(part: string): JwsHeader | undefined {
  const known = knownHeaders.get(part);
  if (known) return known;
  const header = decodeObject(part);
  if (!header || Object.keys(header).some((name) => !HEADER_MEMBERS.has(name))) return undefined;
  const { alg, typ, kid } = header;
  if (alg !== 'ES256' && alg !== 'EdDSA' && alg !== 'RS256') return undefined;
  if (typeof typ !== 'string' || typeof kid !== 'string' || !KID.test(kid)) return undefined;
  if (knownHeaders.size >= MAX_KNOWN_HEADERS) knownHeaders.clear();
  const read: JwsHeader = Object.freeze({ alg, typ, kid });
  knownHeaders.set(part, read);
  return read;
}

/**
 * Takes a compact JWS apart without trusting any of it. `undefined` for everything but a token in its canonical
 * spelling whose header holds exactly `alg`, `typ` and a plain `kid`: no `crit`, `b64`, `jwk`, `jku`, `x5c` (RFC 8725
 * 3.10), no encryption, no JSON serialisation.
 */
export function parseJws(token: string): ParsedJws | undefined {
  if (token.length > MAX_TOKEN_LENGTH) return undefined;
  const first = token.indexOf('.');
  const second = token.indexOf('.', first + 1);
  if (first <= 0 || second <= first + 1 || token.indexOf('.', second + 1) !== -1) return undefined;
  const header = readHeader(token.slice(0, first));
  if (!header) return undefined;
  const signature = decodeBase64Url(token.slice(second + 1));
  if (!signature || signature.length === 0) return undefined;
  const claims = decodeObject(token.slice(first + 1, second));
  if (!claims) return undefined;
  return { header, claims, signingInput: token.slice(0, second), signature };
}

/** Signs claims as a compact JWS; `encodedHeader` is base64url of the header, made once per key. */
export function signJws(
  encodedHeader: string,
  claims: object,
  alg: SigningAlgorithm,
  key: KeyObject,
): string {
  const input = `${encodedHeader}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`;
  const raw = sign(alg === 'EdDSA' ? null : 'sha256', Buffer.from(input, 'latin1'), key);
  const signature = alg === 'ES256' ? derToConcat(raw) : raw;
  return `${input}.${signature.toString('base64url')}`;
}

/** Checks a signature made with the private half of `key` under `alg`. */
export function verifySignature(
  signingInput: string,
  signature: Buffer,
  alg: SigningAlgorithm,
  key: KeyObject,
): boolean {
  if (alg === 'ES256') {
    if (signature.length !== 64 || HALF_ORDER.compare(signature, 32) < 0) return false;
    return verify('sha256', Buffer.from(signingInput), key, concatToDer(signature));
  }
  return verify(alg === 'EdDSA' ? null : 'sha256', Buffer.from(signingInput), key, signature);
}

/**
 * The two integers of an ECDSA signature between DER (what OpenSSL makes) and 64 plain bytes (RFC 7518 section 3.4).
 * Converting here is cheaper than asking the runtime for the `ieee-p1363` form.
 */
function derToConcat(der: Buffer): Buffer {
  const out = Buffer.allocUnsafe(64).fill(0);
  let at = 2;
  for (const end of [32, 64]) {
    const length = der[at + 1] as number;
    let from = at + 2;
    at = from + length;
    while (at - from > 32) from++;
    der.copy(out, end - (at - from), from, at);
  }
  return HALF_ORDER.compare(out, 32) < 0 ? withLowerHalf(out) : out;
}

/** Order of P-256 (SEC 2 section 2.4.2) and half of it, rounded down. */
const ORDER = Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex');
const HALF_ORDER = Buffer.from('7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8', 'hex');

/**
 * Of the two values of `s` that an ECDSA signature may have, the lower. Ours has this one alone, so that nobody can
 * turn a token into another spelling of itself.
 */
function withLowerHalf(signature: Buffer): Buffer {
  let borrow = 0;
  for (let at = 31; at >= 0; at--) {
    const digit = (ORDER[at] as number) - (signature[32 + at] as number) - borrow;
    borrow = digit < 0 ? 1 : 0;
    signature[32 + at] = digit & 0xff;
  }
  return signature;
}

function concatToDer(signature: Buffer): Buffer {
  const der = Buffer.allocUnsafe(72);
  let at = 2;
  for (const end of [32, 64]) {
    let from = end - 32;
    while (from < end - 1 && signature[from] === 0) from++;
    // An integer whose first bit is set would be a negative one.
    const isPadded = ((signature[from] as number) & 0x80) !== 0;
    der[at++] = 0x02;
    der[at++] = end - from + (isPadded ? 1 : 0);
    if (isPadded) der[at++] = 0;
    at += signature.copy(der, at, from, end);
  }
  der[0] = 0x30;
  der[1] = at - 2;
  return der.subarray(0, at);
}
