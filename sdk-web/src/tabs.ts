import { deadline } from './bridge-call.ts';
import type { HeldProof } from './held-proofs.ts';
import type { SignedOutReason } from './standing.ts';
import { type BroadcastLike, type LocksLike, pause } from './surroundings.ts';

/**
 * What the pages of one browser tell each other: with `held`, a renewed proof; with `reason`, who left; else who came.
 * It stays within one origin and is never stored.
 */
export interface TabMessage {
  customerId: string | undefined;
  reason?: SignedOutReason | undefined;
  held?: HeldProof;
  key?: string;
}

export interface Tabs {
  tell(message: TabMessage): void;
  /**
   * Runs `work` unless another page runs the same: then waits for that one and takes `heard()`, what it told, if it
   * told anything. Without locks every page works for itself.
   */
  inTurn<T>(key: string, work: () => Promise<T>, heard: () => T | undefined): Promise<T>;
  close(): void;
}

/** A message may be later than the lock that its sender gave back, on a busy machine by a good part of a second. */
const MESSAGE_GRACE_MS = 1_000;

export interface TabsDeps {
  /** Says which bridge it is about: pages that talk to different ones do not mix. */
  name: string;
  locks: LocksLike | null | undefined;
  broadcast: ((name: string) => BroadcastLike) | null | undefined;
  /** How long another page may hold its turn: a page that was stopped in the middle holds up nobody for longer. */
  patienceMs: number;
  hear(message: TabMessage): void;
}

export function createTabs({ name, locks, broadcast, patienceMs, hear }: TabsDeps): Tabs {
  const line = broadcast?.(name);
  line?.addEventListener('message', ({ data }) => hear(data as TabMessage));
  return {
    tell: (message) => line?.postMessage(message),
    async inTurn(key, work, heard) {
      if (!locks) return work();
      const lockName = `${name} ${key}`;
      const mine = await locks.request(lockName, { ifAvailable: true }, async (lock) =>
        lock ? ([await work()] as const) : undefined,
      );
      if (mine) return mine[0];
      let itsMyTurn = false;
      try {
        return await locks.request(lockName, { signal: deadline(patienceMs) }, async () => {
          itsMyTurn = true;
          if (!heard()) await pause(MESSAGE_GRACE_MS);
          return heard() ?? work();
        });
      } catch (error) {
        if (itsMyTurn) throw error;
        return work();
      }
    },
    close: () => line?.close(),
  };
}
