import { hash } from 'node:crypto';
import { checksum62 } from '../platform/encoding.ts';
import { randomBase62 } from '../platform/random.ts';
import type { ApiKeyEnvironment } from './api-key.ts';

/** 27 base62 digits hold 160 bits, 43 hold 256. */
const PUBLIC_DIGITS = 27;
const SECRET_DIGITS = 43;
const CHECKSUM_DIGITS = 6;
const SHOWN_DIGITS = 6;

const PUBLIC_ID = /^pk_(live|test)_[0-9A-Za-z]{33}$/;
const SECRET = /^sk_(live|test)_[0-9A-Za-z]{49}$/;
/**
 * What an imported id or secret may look like: one word of visible ASCII that a header carries unchanged. Nothing that
 * is named like a secret is a public id.
 */
const IMPORTED_ID = /^(?!sk_)[\x21-\x7e]{8,200}$/;
const IMPORTED_SECRET = /^[\x21-\x7e]{20,200}$/;

const withChecksum = (body: string) => body + checksum62(body);

/** A new public id `pk_<environment>_…`, ending in a checksum of what stands before it. */
function generatePublicId(environment: ApiKeyEnvironment): string {
  return withChecksum(`pk_${environment}_${randomBase62(PUBLIC_DIGITS)}`);
}

/** A new secret `sk_<environment>_…`, ending in a checksum of what stands before it. */
export function generateSecret(environment: ApiKeyEnvironment): string {
  return withChecksum(`sk_${environment}_${randomBase62(SECRET_DIGITS)}`);
}

/** A new pair. */
export function generateKeyPair(environment: ApiKeyEnvironment): { publicId: string; secret: string } {
  return { publicId: generatePublicId(environment), secret: generateSecret(environment) };
}

function checksumHolds(text: string): boolean {
  const body = text.slice(0, -CHECKSUM_DIGITS);
  return checksum62(body) === text.slice(-CHECKSUM_DIGITS);
}

/** Whether the text is a public id of ours, by form and checksum; says nothing of whether it exists. */
export function isPublicId(text: string): boolean {
  return PUBLIC_ID.test(text) && checksumHolds(text);
}

/** Whether the text is a key secret of ours, by form and checksum. */
export function isSecret(text: string): boolean {
  return SECRET.test(text) && checksumHolds(text);
}

/**
 * Whether a key may have this public id: one of ours, or one that another system gave out and that was imported. What
 * has our form and not our checksum is neither, so a mistyped id costs no look-up.
 */
export function mayBePublicId(text: string): boolean {
  return PUBLIC_ID.test(text) ? checksumHolds(text) : IMPORTED_ID.test(text);
}

/** Whether a key may have this secret: ours, or imported. */
export function mayBeSecret(text: string): boolean {
  return SECRET.test(text) ? checksumHolds(text) : IMPORTED_SECRET.test(text);
}

/**
 * Whether a presented bearer is taken for an access token and not for a key's secret: three parts, and a header that
 * begins with `{"`, as every access token of ours has them, and no secret that we issue.
 */
export function looksLikeToken(bearer: string): boolean {
  if (!bearer.startsWith('eyJ')) return false;
  const first = bearer.indexOf('.');
  const second = first < 0 ? -1 : bearer.indexOf('.', first + 1);
  return second > 0 && !bearer.includes('.', second + 1);
}

/** A random secret of the shortest length we take, even of decimal digits alone, has more. */
const MIN_DISTINCT_CHARACTERS = 6;
const EMPTY_SHA256 = hash('sha256', '');

/** Whether a secret, or its SHA-256 in hex, is a placeholder that anybody would try. */
export function isGuessable(text: string): boolean {
  return new Set(text).size < MIN_DISTINCT_CHARACTERS || text === EMPTY_SHA256;
}

/** The part of a public id that lists and logs may show: at most half of it. */
export function publicPrefix(publicId: string): string {
  return publicId.slice(0, Math.min('pk_live_'.length + SHOWN_DIGITS, Math.floor(publicId.length / 2)));
}
