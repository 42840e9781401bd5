import type { Audit, AuditEventName } from '../audit/audit.ts';
import { BridgeError } from '../errors.ts';
import type { Keyring } from '../keyring/keyring.ts';
import type { AdminActor } from '../partners/partners.ts';
import {
  graceEndMs,
  planRotation,
  type RotationOptions,
  successorTimeMs,
} from '../partners/secret-rotation.ts';
import type { Clock } from '../platform/clock.ts';
import type { ApiKey, ApiKeySecret, ApiKeyStore } from './api-key.ts';
import { type ApiKeys, secretRecord, sha256Of } from './api-keys.ts';
import { generateSecret } from './key-format.ts';

export interface KeyRotationOptions extends RotationOptions {
  /** The key's new end, `null` for none. Default: as long from now as its youngest secret was given; none stays none. */
  keyExpiresAtMs?: number | null | undefined;
}

/** A new secret, in clear only here, and what becomes of the old ones. */
export interface RotatedKeySecret {
  key: ApiKey;
  secretId: string;
  secret: string;
  keyExpiresAtMs: number | undefined;
  /** Secrets that still work, each with its latest end. */
  replaced: { secretId: string; latestEndMs: number; graceMs: number }[];
}

/** Replaces secrets of API keys. A key keeps its public id and all its settings: the public id proves nothing. */
export interface KeyRotation {
  /**
   * Makes a successor to a key's secret. Both work, as bearer and for signing; the grace of the old one begins when
   * the successor is first used, and never reaches beyond the end that the old one had. Throws `NOT_FOUND`,
   * `CONFLICT` while a rotation is under way, `INVALID_REQUEST` for a key without a secret.
   */
  rotate(keyId: string, options: KeyRotationOptions, by: AdminActor): Promise<RotatedKeySecret>;
  /**
   * Ends one secret, or all of them, at once: from now on they are like secrets that never were. A successor is made
   * when none is left. Throws `NOT_FOUND`.
   */
  compromised(
    keyId: string,
    what: { secretId?: string | undefined; reason?: string | undefined },
    by: AdminActor,
  ): Promise<{ key: ApiKey; ended: string[]; successor: { secretId: string; secret: string } | undefined }>;
  /** Sets the end of replaced secrets whose successor has come into use; how many. */
  startGraces(): Promise<number>;
}

export interface KeyRotationDeps {
  store: ApiKeyStore;
  apiKeys: Pick<ApiKeys, 'changed' | 'changeOf' | 'noticed'>;
  keyring: Keyring;
  clock: Clock;
  audit: Audit;
}

const MAX_LIVE_SECRETS = 2;
const NO_SUCH_KEY = { message: 'There is no key of this id that is not revoked already.' };

/** A rotated key gets the same length of life again. */
function renewedEnd(key: ApiKey, nowMs: number): number | undefined {
  if (key.expiresAtMs === undefined) return undefined;
  const startedAtMs = key.secrets.at(-1)?.createdAtMs ?? key.createdAtMs;
  return nowMs + Math.max(key.expiresAtMs - startedAtMs, 0);
}

export function createKeyRotation(deps: KeyRotationDeps): KeyRotation {
  const { store, apiKeys, clock, audit } = deps;

  const known = async (keyId: string): Promise<ApiKey> => {
    const key = await store.find(keyId);
    if (!key || key.revokedAtMs !== undefined) throw new BridgeError('NOT_FOUND', NO_SUCH_KEY);
    return key;
  };
  const recordOf = (event: AuditEventName, key: ApiKey, by: AdminActor, more: object) =>
    audit.record(event, {
      ...by,
      outcome: 'success',
      partner: key.partner,
      keyPrefix: key.publicPrefix,
      ...more,
    });
  const isLive = ({ revokedAtMs, expiresAtMs }: ApiKeySecret) =>
    revokedAtMs === undefined && (expiresAtMs ?? Infinity) > clock.nowMs();
  const makeSecret = (key: ApiKey) => {
    const secret = generateSecret(key.environment);
    const createdAtMs = successorTimeMs(clock.nowMs(), key.secrets);
    return { secret, record: { ...secretRecord(deps, sha256Of(secret)), createdAtMs } };
  };

  return {
    rotate: async (keyId, options, by) => {
      const key = await known(keyId);
      const nowMs = clock.nowMs();
      if (key.secrets.length === 0) {
        throw new BridgeError('INVALID_REQUEST', {
          message: 'This key has no secret. Replace its public keys instead.',
        });
      }
      const { keyExpiresAtMs = renewedEnd(key, nowMs) } = options;
      if (keyExpiresAtMs !== null && keyExpiresAtMs !== undefined && keyExpiresAtMs <= nowMs) {
        throw new BridgeError('INVALID_REQUEST', {
          message: 'A key ends in the future.',
          details: { member: 'expires_at' },
        });
      }
      const live = key.secrets.filter(isLive);
      const plan = planRotation(nowMs, options, key.expiresAtMs);
      const { secret, record } = makeSecret(key);
      const result = await store.rotate(
        keyId,
        {
          successor: record,
          plan,
          keyExpiresAtMs: keyExpiresAtMs ?? undefined,
          maxLive: MAX_LIVE_SECRETS,
        },
        recordOf('api_key.secret_rotated', key, by, {
          details: { secret_id: record.secretId, grace_seconds: plan.graceMs / 1000 },
        }),
      );
      if (result === 'missing') throw new BridgeError('NOT_FOUND', NO_SUCH_KEY);
      if (result === 'conflict') {
        throw new BridgeError('CONFLICT', {
          message: 'A rotation of this key is under way. End the old secret first, or wait for its end.',
        });
      }
      await apiKeys.changed(keyId);
      const replaced = live.map(({ secretId, expiresAtMs }) => ({
        secretId,
        graceMs: plan.graceMs,
        latestEndMs: Math.min(plan.latestEndMs, expiresAtMs ?? Infinity),
      }));
      return {
        key,
        secretId: record.secretId,
        secret,
        keyExpiresAtMs: keyExpiresAtMs ?? undefined,
        replaced,
      };
    },

    compromised: async (keyId, { secretId, reason }, by) => {
      const key = await known(keyId);
      const usable = key.secrets.filter(({ revokedAtMs }) => revokedAtMs === undefined);
      const ended = usable
        .map((one) => one.secretId)
        .filter((id) => secretId === undefined || id === secretId);
      const left = key.secrets.some((one) => isLive(one) && !ended.includes(one.secretId));
      const made = left ? undefined : makeSecret(key);
      const result = await store.compromise(
        keyId,
        {
          secretIds: ended,
          atMs: clock.nowMs(),
          successor: made?.record,
          revocations: [apiKeys.changeOf(keyId)],
        },
        recordOf('api_key.secret_compromised', key, by, { reason, details: { secrets: ended.length } }),
      );
      if (result === 'missing') {
        throw new BridgeError('NOT_FOUND', {
          message: 'The key has no secret of this id that can be ended.',
        });
      }
      await apiKeys.noticed();
      const successor = made && { secretId: made.record.secretId, secret: made.secret };
      return { key, ended, successor };
    },

    startGraces: async () => {
      let started = 0;
      for (const due of await store.dueGraces()) {
        const key = await store.find(due.ownerId);
        if (!key) continue;
        const record = recordOf(
          'api_key.grace_started',
          key,
          { actor: 'system' },
          {
            details: { secret_id: due.secretId, ends_at: new Date(graceEndMs(due)).toISOString() },
          },
        );
        if ((await store.startGrace(due.secretId, graceEndMs(due), record)) === 'missing') continue;
        await apiKeys.changed(key.keyId);
        started += 1;
      }
      return started;
    },
  };
}
