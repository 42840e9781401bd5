import type { Audit, AuditFacts } from '../audit/audit.ts';
import type { AuditRecord } from '../audit/audit-record.ts';

/** Kinds of credentials that can be given a tier of their own. */
export type AssignedKind = 'key' | 'client';

export interface TierAssignment {
  kind: AssignedKind;
  /** The internal key id, or the client id. */
  id: string;
  /** `undefined`: the default of its kind again. */
  tier: string | undefined;
}

export interface TierAssignmentStore {
  /** Sets an assignment and writes its audit record in one transaction. */
  assign(assignment: TierAssignment, audit: AuditRecord): Promise<'assigned'>;
  /** What changed after `sequence`, and the sequence up to which that is complete. */
  since(sequence: number): Promise<{ assignments: TierAssignment[]; sequence: number }>;
}

export interface TierAssignments {
  /** From memory; at most one refresh old. `undefined`: the default of its kind. */
  find(kind: AssignedKind, id: string): string | undefined;
  assign(
    assignment: TierAssignment,
    by: Pick<AuditFacts, 'actor' | 'requestId' | 'address'>,
    about: Pick<AuditFacts, 'partner' | 'keyPrefix' | 'clientId'>,
  ): Promise<void>;
  /** Reads what other processes assigned. */
  refresh(): Promise<void>;
}

/**
 * Which keys and clients have a tier of their own. They are few beside all credentials, so they are held in memory and
 * only changes are read: a request that is counted asks no store for its tier.
 */
export function createTierAssignments(deps: { store: TierAssignmentStore; audit: Audit }): TierAssignments {
  const { store, audit } = deps;
  const tiers = new Map<string, string>();
  let sequence = 0;

  const refresh = async () => {
    const news = await store.since(sequence);
    for (const { kind, id, tier } of news.assignments) {
      if (tier === undefined) tiers.delete(`${kind}:${id}`);
      else tiers.set(`${kind}:${id}`, tier);
    }
    sequence = Math.max(sequence, news.sequence);
  };

  return {
    find: (kind, id) => (tiers.size === 0 ? undefined : tiers.get(`${kind}:${id}`)),
    assign: async (assignment, by, about) => {
      const record = audit.record('limits.tier_assigned', {
        ...by,
        ...about,
        outcome: 'success',
        details: { subject: assignment.kind, id: assignment.id, tier: assignment.tier ?? 'default' },
      });
      await store.assign(assignment, record);
      await refresh();
    },
    refresh,
  };
}
