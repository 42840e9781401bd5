import type { Kysely } from 'kysely';

/** Who has lately been signed in on which channel. */
export async function createChannelVisits(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('channel_visits')
    .addColumn('sid', 'text', (c) => c.notNull())
    .addColumn('channel', 'text', (c) => c.notNull())
    .addColumn('customer_id', 'text', (c) => c.notNull())
    .addColumn('auth_time_ms', 'bigint', (c) => c.notNull())
    .addColumn('expires_at_ms', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('channel_visits_key', ['sid', 'channel'])
    .execute();
  await db.schema
    .createIndex('channel_visits_by_customer')
    .on('channel_visits')
    .column('customer_id')
    .execute();
  await db.schema
    .createIndex('channel_visits_by_expiry')
    .on('channel_visits')
    .column('expires_at_ms')
    .execute();
}
