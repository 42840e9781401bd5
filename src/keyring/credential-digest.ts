import { createHmac, hash } from 'node:crypto';
import type { Keyring } from './keyring.ts';

/**
 * How a presented secret is stored and looked up: HMAC-SHA-256, under the credential pepper, of the secret's SHA-256.
 * The plain SHA-256 is never stored, because it is the key of request signature v1.
 */
export function credentialDigest(keyring: Keyring, secret: string): string {
  return credentialDigestOfHash(keyring, hash('sha256', secret, 'buffer'));
}

/** The same from the secret's SHA-256, for a secret that is known here by nothing else. */
export function credentialDigestOfHash(keyring: Keyring, sha256: Buffer): string {
  return digestUnder(keyring.current('credential-pepper').key, sha256);
}

/** The digests of a secret under every pepper there has been, newest first. */
export function credentialDigests(keyring: Keyring, secret: string): string[] {
  return credentialDigestsOfHash(keyring, hash('sha256', secret, 'buffer'));
}

/** The same from the secret's SHA-256. */
export function credentialDigestsOfHash(keyring: Keyring, sha256: Buffer): string[] {
  return keyring.all('credential-pepper').map(({ key }) => digestUnder(key, sha256));
}

function digestUnder(pepper: Parameters<typeof createHmac>[1], sha256: Buffer): string {
  return createHmac('sha256', pepper).update(sha256).digest('base64url');
}
