import { isUtf8 } from 'node:buffer';
import { crc32 } from 'node:zlib';

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';
/** Digits of base62, in the order of their values. */
export const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const BASE64URL = /^[A-Za-z0-9_-]*$/;

/** Lower-case base32 (RFC 4648 section 6 alphabet, folded) without padding. */
export function base32(bytes: Uint8Array): string {
  let bits = 0;
  let held = 0;
  let text = '';
  for (const byte of bytes) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += BASE32[(held >>> bits) & 31];
    }
    held &= (1 << bits) - 1;
  }
  if (bits > 0) text += BASE32[(held << (5 - bits)) & 31];
  return text;
}

/**
 * Decodes base64url in its one canonical spelling (RFC 7515 section 2): no padding, no white space, no unused
 * bits set. Anything else is `undefined`, so that one value never has two spellings.
 */
export function decodeBase64Url(text: string): Buffer | undefined {
  const over = text.length % 4;
  if (over === 1 || !BASE64URL.test(text)) return undefined;
  // Of the last character two or three bits are left over, which must be zero.
  if (over === 2 && !'AQgw'.includes(text.at(-1) as string)) return undefined;
  if (over === 3 && !'AEIMQUYcgkosw048'.includes(text.at(-1) as string)) return undefined;
  return Buffer.from(text, 'base64url');
}

/** Joins fields so that no two lists of fields give the same bytes: each is preceded by its length in four bytes. */
export function lengthPrefixed(fields: readonly string[]): Buffer {
  let size = 4 * fields.length;
  for (const field of fields) size += Buffer.byteLength(field, 'utf8');
  const bytes = Buffer.allocUnsafe(size);
  let at = 0;
  for (const field of fields) {
    const length = bytes.write(field, at + 4, 'utf8');
    bytes.writeUInt32BE(length, at);
    at += 4 + length;
  }
  return bytes;
}

/** CRC-32 of `text` as six base62 digits: lets a secret scanner tell a real credential from a look-alike. */
export function checksum62(text: string): string {
  let value = crc32(text) >>> 0;
  let digits = '';
  for (let i = 0; i < 6; i++) {
    digits = BASE62[value % 62] + digits;
    value = Math.floor(value / 62);
  }
  return digits;
}

/** Decodes UTF-8; `undefined` when the bytes are not well-formed. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  if (!isUtf8(bytes)) return undefined;
  const { buffer, byteOffset, byteLength } = bytes;
  return (Buffer.isBuffer(bytes) ? bytes : Buffer.from(buffer, byteOffset, byteLength)).toString('utf8');
}
