import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { decodeBase64Url } from '../platform/encoding.ts';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** On Node 24 a cipher takes a key object three times as fast as the bytes, the making of the object included. */
const keyObject = (key: Uint8Array | KeyObject): KeyObject =>
  key instanceof Uint8Array ? createSecretKey(key) : key;

/**
 * Seals with AES-256-GCM under a fresh 96-bit nonce; `context` is authenticated but not stored, so a sealed value
 * moved to another record or purpose does not open. Answer: base64url of nonce, ciphertext and tag.
 */
export function seal(key: Uint8Array | KeyObject, plaintext: Uint8Array, context: string): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', keyObject(key), nonce);
  cipher.setAAD(Buffer.from(context, 'utf8'));
  const body = cipher.update(plaintext);
  cipher.final();
  return Buffer.concat([nonce, body, cipher.getAuthTag()]).toString('base64url');
}

/** Opens what `seal` made; `undefined` when key, context or spelling are not the ones it was sealed with. */
export function open(key: Uint8Array | KeyObject, sealed: string, context: string): Buffer | undefined {
  const bytes = decodeBase64Url(sealed);
  if (!bytes || bytes.length < NONCE_BYTES + TAG_BYTES) return undefined;
  const decipher = createDecipheriv('aes-256-gcm', keyObject(key), bytes.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(Buffer.from(context, 'utf8'));
  decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES));
  const plaintext = decipher.update(bytes.subarray(NONCE_BYTES, bytes.length - TAG_BYTES));
  try {
    decipher.final();
  } catch {
    return undefined;
  }
  return plaintext;
}
