import type { Clock } from '../platform/clock.ts';
import type { ApiKeyStore, SecretUse } from './api-key.ts';

/** When which secret was used. Noted in memory at once, written in batches: no request waits for it. */
export interface KeyUsage {
  note(secretId: string): void;
  /** Writes what was noted; what could not be written is kept for the next time. */
  flush(): Promise<void>;
}

export function createKeyUsage({
  store,
  clock,
}: {
  store: Pick<ApiKeyStore, 'recordUses'>;
  clock: Clock;
}): KeyUsage {
  let noted = new Map<string, SecretUse>();
  let writing: Promise<void> | undefined;

  const note = (use: SecretUse) => {
    const known = noted.get(use.secretId);
    if (!known) noted.set(use.secretId, use);
    else {
      known.firstAtMs = Math.min(known.firstAtMs, use.firstAtMs);
      known.lastAtMs = Math.max(known.lastAtMs, use.lastAtMs);
    }
  };

  const write = async () => {
    const batch = [...noted.values()];
    noted = new Map();
    if (batch.length === 0) return;
    try {
      await store.recordUses(batch);
    } catch (error) {
      for (const use of batch) note(use);
      throw error;
    }
  };

  return {
    note: (secretId) => {
      const nowMs = clock.nowMs();
      const known = noted.get(secretId);
      if (known) known.lastAtMs = Math.max(known.lastAtMs, nowMs);
      else noted.set(secretId, { secretId, firstAtMs: nowMs, lastAtMs: nowMs });
    },
    flush: async () => {
      await writing?.catch(() => {});
      writing = write().finally(() => {
        writing = undefined;
      });
      await writing;
    },
  };
}
