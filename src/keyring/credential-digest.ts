import { createHmac, hash } from 'node:crypto';
import type { Keyring } from './keyring.ts';

/**
 * How a presented secret is stored and looked up: HMAC-SHA-256, under the credential pepper, of the secret's SHA-256.
 * The plain SHA-256 is never stored, because it is the key of request signature v1.
 */
export function credentialDigest(keyring: Keyring, secret: string): string {
  return digestUnder(keyring.current('credential-pepper').key, secret);
}

/** The digests of a secret under every pepper there has been, newest first. */
export function credentialDigests(keyring: Keyring, secret: string): string[] {
  return keyring.all('credential-pepper').map(({ key }) => digestUnder(key, secret));
}

function digestUnder(pepper: Parameters<typeof createHmac>[1], secret: string): string {
  return createHmac('sha256', pepper)
    .update(hash('sha256', secret, 'buffer'))
    .digest('base64url');
}
