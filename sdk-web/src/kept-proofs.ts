import type { HeldProof, Proof } from './held-proofs.ts';
import type { Once } from './once.ts';
import { later } from './surroundings.ts';
import type { SymbolonError } from './symbolon-error.ts';
import type { Tabs } from './tabs.ts';

/** Where a proof comes from: equal sources give equal proofs. */
export interface ProofSource {
  path: string;
  body?: Record<string, unknown>;
}

const RENEW_AT_SHARE = 0.8;
/** What was renewed because a vendor refused the one before is not renewed again for that within this time. */
const FRESH_MS = 30_000;
/** How often the wall clock is looked at. */
const TICK_MS = 10_000;
/** After a failure that time does not mend by itself. */
const ERROR_TICK_MS = 60_000;

export interface KeptProofsDeps {
  now(): number;
  tabs: Tabs;
  once: Once;
  fetchProof(source: ProofSource): Promise<Proof & { lifeMs: number }>;
  /** The kept proof of this source was replaced by another one. */
  renewed(source: ProofSource, proof: Proof): void;
  report(error: unknown): void;
  /** Whether to renew without being asked. Default true. */
  keepAlive?: boolean;
}

/** Keeps the proofs of the customer of the moment in memory and renews them in time. */
export function createKeptProofs({
  now,
  tabs,
  once,
  fetchProof,
  renewed,
  report,
  keepAlive = true,
}: KeptProofsDeps) {
  interface Kept {
    source: ProofSource;
    held?: HeldProof;
  }
  const kept = new Map<string, Kept>();
  let stopTimer = () => {};

  /** Whether its age is below `share` of its life; a clock that went back by more than a second makes it too old. */
  function livesWithin(held: HeldProof, share: number): boolean {
    const ageMs = now() - held.askedMs;
    return ageMs > -1_000 && ageMs < held.lifeMs * share;
  }
  const keyOf = (source: ProofSource) => source.path + JSON.stringify(source.body);

  function put(entry: Kept, held: HeldProof): void {
    const before = entry.held?.token;
    entry.held = held;
    arm();
    if (before && before !== held.token) renewed(entry.source, held);
  }

  function renew(key: string, entry: Kept, fresh: boolean): Promise<HeldProof> {
    const before = entry.held;
    const heard = () => (entry.held === before ? undefined : entry.held);
    const work = async () => {
      const askedMs = now();
      const held = { ...(await fetchProof(entry.source)), askedMs, fresh };
      // A customer who came or went meanwhile has cleared the map: then this is nobody's to keep.
      if (kept.get(key) === entry) {
        put(entry, held);
        tabs.tell({ customerId: held.customerId, key, held });
      }
      return held;
    };
    return once.run(key, () => tabs.inTurn(key, work, heard));
  }

  /** Short enough that a device that slept, or a clock that was set, is noticed soon. */
  function arm(waitMs = TICK_MS): void {
    stopTimer();
    if (keepAlive && kept.size) stopTimer = later(check, waitMs);
  }

  async function check(): Promise<void> {
    let waitMs = TICK_MS;
    for (const [key, entry] of kept) {
      if (!entry.held || livesWithin(entry.held, RENEW_AT_SHARE)) continue;
      try {
        await renew(key, entry, false);
      } catch (error) {
        report(error);
        waitMs = Math.max(waitMs, (error as SymbolonError).retryAfterMs ?? ERROR_TICK_MS);
      }
    }
    arm(waitMs);
  }

  return {
    async get(source: ProofSource, fresh = false): Promise<Proof> {
      const key = keyOf(source);
      const entry = kept.get(key) ?? { source };
      kept.set(key, entry);
      const { held } = entry;
      if (
        held &&
        (fresh ? held.fresh && now() - held.askedMs < FRESH_MS : livesWithin(held, RENEW_AT_SHARE))
      ) {
        return held;
      }
      try {
        return await renew(key, entry, fresh);
      } catch (error) {
        if (held && !fresh && kept.get(key) === entry && livesWithin(held, 1)) return held;
        throw error;
      }
    },
    /** Takes over what another page of the browser got. */
    take(key: string, held: HeldProof): void {
      const entry = kept.get(key);
      if (entry && (entry.held?.askedMs ?? 0) < held.askedMs) put(entry, held);
    },
    /** Renews what is due now. */
    check,
    clear(): void {
      kept.clear();
      stopTimer();
    },
  };
}
