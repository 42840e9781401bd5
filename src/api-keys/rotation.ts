import type { Audit } from '../audit/audit.ts';
import { BridgeError } from '../errors.ts';
import type { Keyring } from '../keyring/keyring.ts';
import { createSecretReplacement, type SecretReplacement } from '../partners/replace-secrets.ts';
import type { RotationOptions } from '../partners/secret-rotation.ts';
import type { Clock } from '../platform/clock.ts';
import type { ApiKey, ApiKeyStore, KeyEnd } from './api-key.ts';
import { type ApiKeys, secretRecord, sha256Of } from './api-keys.ts';
import { generateSecret } from './key-format.ts';

export interface KeyRotationOptions extends RotationOptions {
  /** The key's new end, `null` for none. Default: as long from now as its youngest secret was given; none stays none. */
  keyExpiresAtMs?: number | null | undefined;
}

/** Replaces secrets of API keys. A key keeps its public id and all its settings: the public id proves nothing. */
export type KeyRotation = SecretReplacement<ApiKey, KeyRotationOptions, KeyEnd>;

export interface KeyRotationDeps {
  store: ApiKeyStore;
  apiKeys: Pick<ApiKeys, 'changed' | 'changeOf' | 'noticed'>;
  keyring: Keyring;
  clock: Clock;
  audit: Audit;
}

/** A rotated key gets the same length of life again. */
function renewedEnd(key: ApiKey, nowMs: number): number | undefined {
  if (key.expiresAtMs === undefined) return undefined;
  const startedAtMs = key.secrets.at(-1)?.createdAtMs ?? key.createdAtMs;
  return nowMs + Math.max(key.expiresAtMs - startedAtMs, 0);
}

export function createKeyRotation(deps: KeyRotationDeps): KeyRotation {
  const { apiKeys, clock } = deps;
  return createSecretReplacement({
    ...deps,
    kind: 'api_key',
    noun: 'key',
    factsOf: (key: ApiKey) => ({ partner: key.partner, keyPrefix: key.publicPrefix }),
    prepare: (key, options: KeyRotationOptions) => {
      if (key.secrets.length === 0) {
        throw new BridgeError('INVALID_REQUEST', {
          message: 'This key has no secret. Replace its public keys instead.',
        });
      }
      const nowMs = clock.nowMs();
      const { keyExpiresAtMs = renewedEnd(key, nowMs) } = options;
      if (keyExpiresAtMs !== null && keyExpiresAtMs !== undefined && keyExpiresAtMs <= nowMs) {
        throw new BridgeError('INVALID_REQUEST', {
          message: 'A key ends in the future.',
          details: { member: 'expires_at' },
        });
      }
      return { oldEndMs: key.expiresAtMs, change: { keyExpiresAtMs: keyExpiresAtMs ?? undefined } };
    },
    makeSecret: (key, createdAtMs) => {
      const secret = generateSecret(key.environment);
      return { secret, record: { ...secretRecord(deps, sha256Of(secret)), createdAtMs } };
    },
    changed: apiKeys.changed,
    revocationsOf: (keyId) => [apiKeys.changeOf(keyId)],
    onCompromised: () => apiKeys.noticed(),
  });
}
