import { credentialDigest } from '../keyring/credential-digest.ts';
import type { Keyring } from '../keyring/keyring.ts';
import { checksum62 } from '../platform/encoding.ts';
import { randomBase62, randomToken } from '../platform/random.ts';
import type { ClientSecret } from './client.ts';

/** A new client secret `cs_…` of 256 random bits, ending in a checksum of what stands before it. */
export function generateClientSecret(): string {
  const body = `cs_${randomBase62(43)}`;
  return body + checksum62(body);
}

/** What is kept of a secret. */
export function clientSecretRecord(keyring: Keyring, secret: string, nowMs: number): ClientSecret {
  return {
    secretId: `os_${randomToken(12)}`,
    digest: credentialDigest(keyring, secret),
    createdAtMs: nowMs,
    expiresAtMs: undefined,
    revokedAtMs: undefined,
    firstUsedAtMs: undefined,
    lastUsedAtMs: undefined,
  };
}
