import type { Kysely } from 'kysely';

/** Limits tiers of single keys and clients. */
export async function createTierAssignments(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('tier_assignments')
    .addColumn('kind', 'text', (c) => c.notNull())
    .addColumn('id', 'text', (c) => c.notNull())
    .addColumn('tier', 'text')
    .addColumn('sequence', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('tier_assignments_key', ['kind', 'id'])
    .execute();
  await db.schema
    .createIndex('tier_assignments_by_sequence')
    .on('tier_assignments')
    .column('sequence')
    .execute();
}
