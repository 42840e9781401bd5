import type { Kysely } from 'kysely';

/** Up to where retention took the records of an audit chain away, sealed; empty while it took none. */
export async function addAuditCheckpoints(db: Kysely<unknown>): Promise<void> {
  for (const [name, type] of [
    ['pruned_sequence', 'bigint'],
    ['pruned_hash', 'text'],
    ['pruned_at_ms', 'bigint'],
    ['pruned_seal', 'text'],
  ] as const) {
    await db.schema.alterTable('audit_chains').addColumn(name, type).execute();
  }
}
