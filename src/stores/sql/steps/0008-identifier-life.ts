import { type Kysely, sql } from 'kysely';

async function createTables(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('customers_next')
    .addColumn('customer_id', 'text', (c) => c.primaryKey())
    .addColumn('folded_id', 'text', (c) => c.notNull().unique())
    .addColumn('channel_group', 'text', (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull())
    .addColumn('merged_into', 'text')
    .addColumn('disabled_at_ms', 'bigint')
    .addColumn('created_at_ms', 'bigint', (c) => c.notNull())
    .addColumn('sequence', 'bigint', (c) => c.notNull())
    .execute();
  await db.schema
    .createTable('customer_references')
    .addColumn('subject_index', 'text', (c) => c.primaryKey())
    .addColumn('customer_id', 'text', (c) => c.notNull())
    .addColumn('space', 'text', (c) => c.notNull())
    .addColumn('sealed_reference', 'text', (c) => c.notNull())
    .addColumn('is_primary', 'integer', (c) => c.notNull())
    .addColumn('own_id', 'text')
    .execute();
  await db.schema
    .createTable('customer_groups')
    .addColumn('channel_group', 'text', (c) => c.primaryKey())
    .execute();
  await db.schema
    .createTable('erased_references')
    .addColumn('subject_index', 'text', (c) => c.primaryKey())
    .execute();
  await db.schema
    .createTable('partner_notices')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('partner', 'text', (c) => c.notNull())
    .addColumn('type', 'text', (c) => c.notNull())
    .addColumn('body', 'text', (c) => c.notNull())
    .addColumn('created_at_ms', 'bigint', (c) => c.notNull())
    .addColumn('attempts', 'integer', (c) => c.notNull())
    .addColumn('due_at_ms', 'bigint', (c) => c.notNull())
    .execute();
}

/** References apart from identifiers: several may lead to one, and an identifier outlives the last of them. */
export async function splitCustomers(db: Kysely<unknown>): Promise<void> {
  await createTables(db);
  await sql`
    insert into customers_next (customer_id, folded_id, channel_group, state, created_at_ms, sequence)
    select customer_id, lower(customer_id), channel_group, 'living', created_at_ms, 0 from customers
  `.execute(db);
  await sql`
    insert into customer_references (subject_index, customer_id, space, sealed_reference, is_primary, own_id)
    select subject_index, customer_id, space, sealed_reference, 1, customer_id from customers
  `.execute(db);
  await sql`insert into customer_groups select distinct channel_group from customers`.execute(db);
  await db.schema.dropTable('customers').execute();
  await db.schema.alterTable('customers_next').renameTo('customers').execute();
  await db.schema
    .createIndex('customer_references_by_customer')
    .on('customer_references')
    .column('customer_id')
    .execute();
  await db.schema
    .createIndex('customers_by_survivor')
    .on('customers')
    .column('merged_into')
    .where(sql.ref('merged_into'), 'is not', null)
    .execute();
  await db.schema
    .createIndex('customers_by_sequence')
    .on('customers')
    .column('sequence')
    .where(sql.ref('sequence'), '>', 0)
    .execute();
  await db.schema.createIndex('partner_notices_by_time').on('partner_notices').column('due_at_ms').execute();
}
