/** What became of identifiers whose holder was merged, erased or disabled; whoever is not listed is in good standing. */
import type { Revocations } from './revocations.ts';

/** `merged`: the identifier goes on as another name of `into`, whose reference stands here, sealed. */
export type Standing =
  | { state: 'merged'; into: string; space: string; sealedReference: string }
  | { state: 'erased' }
  | { state: 'disabled' };

export interface StandingChange {
  customerId: string;
  /** `undefined`: in good standing again. */
  standing: Standing | undefined;
}

export interface StandingStore {
  /** Changes with a number above `sequence`, and the highest number there is. */
  since(sequence: number): Promise<{ changes: StandingChange[]; sequence: number }>;
}

export interface Standings {
  /** One look-up in memory. */
  of(customerId: string): Standing | undefined;
  /** The identifier that a customer goes by today; `undefined` for one who is erased or disabled. */
  present(customerId: string): string | undefined;
  /** Other names of an identifier, from merges. */
  aliasesOf(customerId: string): readonly string[];
  /** Reads what changed; to be called several times a second. */
  refresh(): Promise<void>;
}

export function createStandings({ store }: { store: StandingStore }): Standings {
  const standings = new Map<string, Standing>();
  const aliases = new Map<string, Set<string>>();
  let sequence = 0;

  const take = ({ customerId, standing }: StandingChange) => {
    const before = standings.get(customerId);
    if (before?.state === 'merged') aliases.get(before.into)?.delete(customerId);
    if (!standing) {
      standings.delete(customerId);
      return;
    }
    standings.set(customerId, standing);
    if (standing.state !== 'merged') return;
    const known = aliases.get(standing.into);
    if (known) known.add(customerId);
    else aliases.set(standing.into, new Set([customerId]));
  };

  const of = (customerId: string) => (standings.size === 0 ? undefined : standings.get(customerId));

  return {
    of,
    present: (customerId) => {
      const standing = of(customerId);
      if (!standing) return customerId;
      if (standing.state !== 'merged') return undefined;
      return of(standing.into) === undefined ? standing.into : undefined;
    },
    aliasesOf: (customerId) => [...(aliases.get(customerId) ?? [])],
    refresh: async () => {
      const news = await store.since(sequence);
      for (const change of news.changes) take(change);
      sequence = Math.max(sequence, news.sequence);
    },
  };
}

/**
 * Revocations that also know of standings: whatever an erased or disabled customer was issued at any time is revoked,
 * and what ends a customer ends what was issued under its other names.
 */
export function withStandings(revocations: Revocations, standings: Standings): Revocations {
  return {
    ...revocations,
    refresh: async () => {
      await revocations.refresh();
      await standings.refresh();
    },
    isRevoked: (kind, id, issuedAtMs) => {
      if (revocations.isRevoked(kind, id, issuedAtMs)) return true;
      if (kind !== 'customer') return false;
      const present = standings.present(id);
      if (present === id) return false;
      return present === undefined || revocations.isRevoked(kind, present, issuedAtMs);
    },
  };
}
