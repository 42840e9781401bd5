import type { Kysely } from 'kysely';

/** Grants of other sides' people to our connections, sealed. */
export async function createOutboundGrants(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('outbound_grants')
    .addColumn('connection', 'text', (c) => c.primaryKey())
    .addColumn('version', 'integer', (c) => c.notNull())
    .addColumn('sealed', 'text', (c) => c.notNull())
    .addColumn('updated_at_ms', 'bigint', (c) => c.notNull())
    .execute();
}
