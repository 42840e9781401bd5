import type { Clock } from '../platform/clock.ts';
import type { Revocation, RevocationKind } from './revocation-types.ts';
import type { Revocations } from './revocations.ts';

export interface RecordMemoryDeps<Stored> {
  revocations: Pick<Revocations, 'isRevoked' | 'revoke' | 'refresh'>;
  clock: Clock;
  /** What tells other processes that a record changed. */
  kind: Extract<RevocationKind, `${string}_record`>;
  idOf(record: Stored): string;
  /** How long a record is remembered without asking the store, in milliseconds. */
  keepMs: number;
  /** When more are remembered, all are forgotten. */
  maxRecords: number;
}

/** Records that are asked for all the time, as they were a moment ago; a change is seen on every process. */
export interface RecordMemory<Stored> {
  /** What is remembered under this key, while it may still be used. */
  recall(key: string): Stored | undefined;
  /** Asks, and remembers the answer under this key. */
  read(key: string, ask: () => Promise<Stored | undefined>): Promise<Stored | undefined>;
  /** This process forgets at once, the others with their next look at the revocations. */
  changed(id: string): Promise<void>;
  /** The same as a row to be written with the change itself. */
  changeOf(id: string): Revocation;
  /** For a change that was written with its rows: this process honours them before the caller hears of it. */
  noticed(): Promise<void>;
}

/** A record that another process changed is read again at most this often while the change is new. */
const REREAD_MS = 250;
/** How long a change keeps other nodes from using what they read before it; covers clocks that differ. */
const CHANGE_SIGNAL_MS = 60_000;

interface Remembered<Stored> {
  record: Stored;
  readAtMs: number;
  readMonotonicMs: number;
}

export function createRecordMemory<Stored>(deps: RecordMemoryDeps<Stored>): RecordMemory<Stored> {
  const { revocations, clock, kind, keepMs, maxRecords } = deps;
  const remembered = new Map<string, Remembered<Stored>>();
  /** How often all was forgotten for a change: an answer that was asked for before the last time is not kept. */
  let forgettings = 0;

  const isFresh = ({ record, readAtMs, readMonotonicMs }: Remembered<Stored>): boolean => {
    const ageMs = clock.monotonicMs() - readMonotonicMs;
    // What was read before the clock was set back cannot be compared with what was changed after it.
    if (ageMs >= keepMs || clock.nowMs() < readAtMs) return false;
    return ageMs < REREAD_MS || !revocations.isRevoked(kind, deps.idOf(record), readAtMs);
  };

  /** Also afterwards: what was read meanwhile may be older than the change. */
  const forget = () => {
    forgettings += 1;
    remembered.clear();
  };
  const forgetAround = async (tell: Promise<unknown>) => {
    forget();
    await tell;
    forget();
  };

  const changeOf = (id: string): Revocation => {
    const cutoffMs = clock.nowMs() + CHANGE_SIGNAL_MS;
    return { kind, id, cutoffMs, expiresAtMs: cutoffMs + keepMs };
  };

  return {
    recall: (key) => {
      const hit = remembered.get(key);
      return hit && isFresh(hit) ? hit.record : undefined;
    },
    read: async (key, ask) => {
      const readAtMs = clock.nowMs();
      const readMonotonicMs = clock.monotonicMs();
      const forgettingsBefore = forgettings;
      const record = await ask();
      if (record === undefined) {
        remembered.delete(key);
      } else if (forgettings === forgettingsBefore) {
        if (remembered.size >= maxRecords) remembered.clear();
        remembered.set(key, { record, readAtMs, readMonotonicMs });
      }
      return record;
    },
    changed: (id) => forgetAround(revocations.revoke([changeOf(id)])),
    changeOf,
    noticed: () => forgetAround(revocations.refresh()),
  };
}
