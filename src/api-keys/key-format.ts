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

/** A new pair: `pk_<environment>_…` and `sk_<environment>_…`, each ending in a checksum of what stands before it. */
export function generateKeyPair(environment: ApiKeyEnvironment): { publicId: string; secret: string } {
  const withChecksum = (body: string) => body + checksum62(body);
  return {
    publicId: withChecksum(`pk_${environment}_${randomBase62(PUBLIC_DIGITS)}`),
    secret: withChecksum(`sk_${environment}_${randomBase62(SECRET_DIGITS)}`),
  };
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

/** The part of a public id that lists and logs may show. */
export function publicPrefix(publicId: string): string {
  return publicId.slice(0, 'pk_live_'.length + SHOWN_DIGITS);
}
