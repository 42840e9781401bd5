/**
 * Revocation: what was taken back before its time. Every revocation is a row in the database; each process holds the
 * live ones in memory, so that a check on the hot path is a map look-up, and reads new rows several times a second.
 */
import type { Clock } from '../platform/clock.ts';
import type { Revocation, RevocationKind, RevocationStore } from './revocation-types.ts';

export interface Revocations {
  /** Writes the rows, then honours them in this process before it returns. */
  revoke(revocations: readonly Revocation[]): Promise<void>;
  /** Whether something of this kind and id, issued at `issuedAtMs`, has been revoked. */
  isRevoked(kind: RevocationKind, id: string, issuedAtMs: number): boolean;
  /** Reads what other processes revoked; to be called several times a second. */
  refresh(): Promise<void>;
}

const PRUNE_EVERY_MS = 60_000;
/**
 * What is over is kept for this long: after a clock that was a day ahead has been put right, what was taken back is still
 * taken back. Milliseconds.
 */
const KEEP_MS = 90_000_000;

export function createRevocations(deps: { store: RevocationStore; clock: Clock }): Revocations {
  const { store, clock } = deps;
  const live = new Map<string, Revocation>();
  let sequence = 0;
  let prunedAtMs = clock.nowMs();

  const hold = (revocation: Revocation) => {
    const key = `${revocation.kind} ${revocation.id}`;
    const known = live.get(key);
    live.set(
      key,
      known
        ? {
            ...revocation,
            cutoffMs: Math.max(known.cutoffMs, revocation.cutoffMs),
            expiresAtMs: Math.max(known.expiresAtMs, revocation.expiresAtMs),
          }
        : revocation,
    );
  };

  const prune = async (nowMs: number) => {
    prunedAtMs = nowMs;
    const endedMs = nowMs - KEEP_MS;
    for (const [key, revocation] of live) if (revocation.expiresAtMs <= endedMs) live.delete(key);
    await store.prune(endedMs);
  };

  const refresh = async () => {
    const nowMs = clock.nowMs();
    const news = await store.since(sequence, nowMs - KEEP_MS);
    if (news.sequence > sequence) {
      for (const revocation of news.revocations) hold(revocation);
      sequence = news.sequence;
    }
    if (Math.abs(nowMs - prunedAtMs) > PRUNE_EVERY_MS) await prune(nowMs);
  };

  return {
    revoke: async (revocations) => {
      if (revocations.length === 0) return;
      await store.add(revocations);
      for (const revocation of revocations) hold(revocation);
    },
    isRevoked: (kind, id, issuedAtMs) => {
      if (live.size === 0) return false;
      const revocation = live.get(`${kind} ${id}`);
      return (
        revocation !== undefined &&
        issuedAtMs <= revocation.cutoffMs &&
        clock.nowMs() < revocation.expiresAtMs
      );
    },
    refresh,
  };
}
