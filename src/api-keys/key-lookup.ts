import { createSecretKey, hash, type KeyObject } from 'node:crypto';
import { credentialDigest, credentialDigests } from '../keyring/credential-digest.ts';
import type { Keyring } from '../keyring/keyring.ts';
import type { Partners } from '../partners/partners.ts';
import type { Clock } from '../platform/clock.ts';
import { createRecordMemory, type RecordMemory } from '../revocation/record-memory.ts';
import type { Revocations } from '../revocation/revocations.ts';
import { createAddressList } from './address-list.ts';
import type { ApiKey, ApiKeySecret, ApiKeyStore } from './api-key.ts';
import { mayBePublicId, mayBeSecret } from './key-format.ts';

/**
 * What a presented key came to. `expired` may be told apart from `unknown` only to a caller that has proven that it
 * holds the key: whoever shows a public id has proven nothing.
 */
export type KeyLookup = { result: 'live' | 'expired'; key: ApiKey } | { result: 'unknown' };
/** The same for a presented secret; a replaced one is `expired`. */
export type SecretLookup =
  | { result: 'live' | 'expired'; key: ApiKey; secret: ApiKeySecret }
  | { result: 'unknown' };

/** A secret's signing key, opened. */
export interface HeldSigningKey {
  secret: ApiKeySecret;
  signingKey: KeyObject;
}

export interface KeyLookups extends Pick<RecordMemory<ApiKey>, 'changed' | 'changeOf' | 'noticed'> {
  /** Looks a presented public id up. It identifies; it proves nothing by itself. */
  byPublicId(publicId: string): Promise<KeyLookup> | KeyLookup;
  /** Looks a presented secret up. Secrets of signing keys are never taken as bearers. */
  bySecret(secret: string): Promise<SecretLookup> | SecretLookup;
  /** Signing keys of every secret of a key that is not revoked, expired ones included. */
  signingKeys(key: ApiKey): HeldSigningKey[];
  /** Whether a secret may still be used. */
  isLive(secret: ApiKeySecret): boolean;
  /** Whether a key may be used from an address. */
  allowsAddress(key: ApiKey, address: string): boolean;
  /** Look-ups that were answered from memory, and those that asked the store. */
  lookupCounts(): { hits: number; misses: number };
}

export interface KeyLookupDeps {
  store: ApiKeyStore;
  keyring: Keyring;
  clock: Clock;
  partners: Partners;
  revocations: Revocations;
}

/** How long a key is remembered without asking the store; expiry and revocation are checked at every use. */
export const CACHE_MS = 30_000;
const MAX_CACHED = 20_000;

export function createKeyLookups(deps: KeyLookupDeps): KeyLookups {
  const { store, keyring, clock, partners, revocations } = deps;
  const { recall, read, ...memory } = createRecordMemory<ApiKey>({
    ...deps,
    kind: 'api_key_record',
    idOf: (key) => key.keyId,
    keepMs: CACHE_MS,
    maxRecords: MAX_CACHED,
  });
  /** Of public ids that have been found; they are no secrets. */
  const publicDigests = new Map<string, string>();
  const counts = { hits: 0, misses: 0 };
  const opened = new WeakMap<ApiKeySecret, KeyObject>();
  const addressLists = new WeakMap<ApiKey, (address: string) => boolean>();

  const judge = (key: ApiKey | undefined): KeyLookup => {
    if (!key || key.revokedAtMs !== undefined) return { result: 'unknown' };
    if (revocations.isRevoked('api_key', key.keyId, key.createdAtMs)) return { result: 'unknown' };
    const partner = partners.find(key.partner);
    if (!partner || partner.disabledAtMs !== undefined) return { result: 'unknown' };
    if (key.expiresAtMs !== undefined && clock.nowMs() >= key.expiresAtMs) return { result: 'expired', key };
    return { result: 'live', key };
  };

  const lookUp = <T>(
    digest: string,
    ask: () => Promise<ApiKey | undefined>,
    conclude: (key: ApiKey | undefined) => T,
  ): Promise<T> | T => {
    const known = recall(digest);
    if (known) {
      counts.hits += 1;
      return conclude(known);
    }
    counts.misses += 1;
    return read(digest, ask).then(conclude);
  };

  const findBySecret = async (digests: readonly string[]): Promise<ApiKey | undefined> => {
    for (const digest of digests) {
      const key = await store.findBySecretDigest(digest);
      if (!key) continue;
      await partners.seek(key.partner);
      return key;
    }
    return undefined;
  };

  const findByPublicId = async (publicId: string, digest: string): Promise<ApiKey | undefined> => {
    const key = await store.findByPublicDigest(digest);
    if (!key) return undefined;
    await partners.seek(key.partner);
    if (publicDigests.size >= MAX_CACHED) publicDigests.clear();
    publicDigests.set(publicId, digest);
    return key;
  };

  const isLive = (secret: ApiKeySecret) =>
    secret.revokedAtMs === undefined &&
    (secret.expiresAtMs === undefined || clock.nowMs() < secret.expiresAtMs);

  return {
    byPublicId: (publicId) => {
      const known = publicDigests.get(publicId);
      if (known === undefined && !mayBePublicId(publicId)) return { result: 'unknown' };
      const digest = known ?? hash('sha256', publicId, 'base64url');
      return lookUp(digest, () => findByPublicId(publicId, digest), judge);
    },

    bySecret: (text) => {
      if (!mayBeSecret(text)) return { result: 'unknown' };
      // Remembered by a keyed digest, so that a look into memory gives no signing key.
      const current = credentialDigest(keyring, text);
      const conclude = (key: ApiKey | undefined): SecretLookup => {
        const verdict = judge(key);
        if (verdict.result === 'unknown') return verdict;
        if (verdict.key.use !== 'bearer') return { result: 'unknown' };
        const digests = credentialDigests(keyring, text);
        const secret = verdict.key.secrets.find(
          ({ digest }) => digest !== undefined && digests.includes(digest),
        );
        if (!secret || secret.revokedAtMs !== undefined) return { result: 'unknown' };
        return { result: isLive(secret) ? verdict.result : 'expired', key: verdict.key, secret };
      };
      return lookUp(current, () => findBySecret(credentialDigests(keyring, text)), conclude);
    },

    signingKeys: (key) => {
      const held: HeldSigningKey[] = [];
      for (const secret of key.secrets) {
        if (secret.sealedSigningKey === undefined || secret.revokedAtMs !== undefined) continue;
        let signingKey = opened.get(secret);
        if (!signingKey) {
          const bytes = keyring.open('request-signing', secret.sealedSigningKey, secret.secretId);
          if (!bytes) continue;
          signingKey = createSecretKey(bytes);
          opened.set(secret, signingKey);
        }
        held.push({ secret, signingKey });
      }
      return held;
    },

    isLive,

    allowsAddress: (key, address) => {
      if (key.allowedAddresses.length === 0) return true;
      let list = addressLists.get(key);
      if (!list) {
        list = createAddressList(key.allowedAddresses);
        addressLists.set(key, list);
      }
      return list(address);
    },

    lookupCounts: () => counts,
    ...memory,
  };
}
