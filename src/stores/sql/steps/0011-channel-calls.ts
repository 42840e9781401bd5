import type { Kysely } from 'kysely';

/** Calls about customers, counted by channel and day. */
export async function createChannelCalls(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('channel_calls')
    .addColumn('channel', 'text', (c) => c.notNull())
    .addColumn('day', 'text', (c) => c.notNull())
    .addColumn('proof', 'text', (c) => c.notNull())
    .addColumn('outcome', 'text', (c) => c.notNull())
    .addColumn('calls', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('channel_calls_key', ['channel', 'day', 'proof', 'outcome'])
    .execute();
}
