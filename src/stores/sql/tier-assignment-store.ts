import type { TierAssignmentStore } from '../../limits/tier-assignments.ts';
import type { AuditedChange } from './audited-change.ts';
import { raiseCounter, readCounter } from './counters.ts';
import { orNull, orUndefined } from './rows.ts';
import type { Database } from './schema.ts';

const COUNTER = 'tier_assignments';

/** Numbers are given out under a lock that is held until they are committed, so a poll misses no row. */
export function createTierAssignmentStore(db: Database, auditedChange: AuditedChange): TierAssignmentStore {
  return {
    assign: ({ kind, id, tier }, audit) =>
      auditedChange(audit, async (trx) => {
        const row = { kind, id, tier: orNull(tier), sequence: await raiseCounter(trx, COUNTER, 1) };
        await trx
          .insertInto('tier_assignments')
          .values(row)
          .onConflict((c) =>
            c.columns(['kind', 'id']).doUpdateSet({ tier: row.tier, sequence: row.sequence }),
          )
          .execute();
        return 'assigned';
      }),
    async since(sequence) {
      const highest = await readCounter(db, COUNTER);
      if (highest <= sequence) return { assignments: [], sequence: highest };
      const rows = await db
        .selectFrom('tier_assignments')
        .selectAll()
        .where('sequence', '>', sequence)
        .orderBy('sequence')
        .execute();
      const assignments = rows.map((row) => ({ kind: row.kind, id: row.id, tier: orUndefined(row.tier) }));
      return { assignments, sequence: highest };
    },
  };
}
