import type { Kysely } from 'kysely';

/** Ids that may be used only once. */
export async function createReplays(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('replays')
    .addColumn('space', 'text', (c) => c.notNull())
    .addColumn('id', 'text', (c) => c.notNull())
    .addColumn('expires_at_ms', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('replays_key', ['space', 'id'])
    .execute();
  await db.schema.createIndex('replays_by_expiry').on('replays').column('expires_at_ms').execute();
}
