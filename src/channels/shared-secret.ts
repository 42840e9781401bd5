import type { SecretEncoding } from './channel-profile.ts';

/**
 * The bytes of a secret that a vendor shows as text; `undefined` when the text is not written as its encoding says.
 * Base64 may be of either alphabet, with or without padding.
 */
export function secretBytes(text: string, encoding: SecretEncoding): Buffer | undefined {
  if (encoding === 'utf8') return text.trim() === text && text !== '' ? Buffer.from(text, 'utf8') : undefined;
  if (encoding === 'hex') {
    return /^([0-9a-fA-F]{2})+$/.test(text) ? Buffer.from(text, 'hex') : undefined;
  }
  const plain = text.replaceAll('-', '+').replaceAll('_', '/').replace(/=+$/, '');
  const bytes = Buffer.from(plain, 'base64');
  const canonical = bytes.length > 0 && bytes.toString('base64').replace(/=+$/, '') === plain;
  return canonical ? bytes : undefined;
}

/** The secret among a channel's settings, checked when the configuration was read. */
export function sharedSecret(settings: Readonly<Record<string, unknown>>, encoding: SecretEncoding): Buffer {
  const text = settings['secret'];
  const bytes = typeof text === 'string' ? secretBytes(text, encoding) : undefined;
  if (!bytes) throw new Error('a channel was opened without a readable secret');
  return bytes;
}
