import type { Kysely } from 'kysely';

/** What clients register for the authorization code flow, and what comes of it: codes, refresh families, consents. */
export async function createAuthorizations(db: Kysely<unknown>): Promise<void> {
  const clients = db.schema.alterTable('clients');
  await clients.addColumn('application_type', 'text', (c) => c.notNull().defaultTo('web')).execute();
  await clients.addColumn('party', 'text', (c) => c.notNull().defaultTo('third')).execute();
  await clients.addColumn('authentication', 'text', (c) => c.notNull().defaultTo('secret')).execute();
  await clients.addColumn('redirect_uris_json', 'text', (c) => c.notNull().defaultTo('[]')).execute();
  await clients.addColumn('public_keys_json', 'text', (c) => c.notNull().defaultTo('[]')).execute();

  await db.schema
    .createTable('authorization_codes')
    .addColumn('digest', 'text', (c) => c.primaryKey())
    .addColumn('client_id', 'text', (c) => c.notNull())
    .addColumn('grant_id', 'text', (c) => c.notNull())
    .addColumn('sealed_payload', 'text', (c) => c.notNull())
    .addColumn('created_at_ms', 'bigint', (c) => c.notNull())
    .addColumn('expires_at_ms', 'bigint', (c) => c.notNull())
    .addColumn('used_at_ms', 'bigint')
    .addColumn('reused_at_ms', 'bigint')
    .execute();
  await db.schema
    .createIndex('authorization_codes_by_expiry')
    .on('authorization_codes')
    .column('expires_at_ms')
    .execute();

  await db.schema
    .createTable('refresh_families')
    .addColumn('family_id', 'text', (c) => c.primaryKey())
    .addColumn('holder', 'text', (c) => c.notNull())
    .addColumn('customer_id', 'text', (c) => c.notNull())
    .addColumn('sealed_payload', 'text', (c) => c.notNull())
    .addColumn('generation', 'integer', (c) => c.notNull())
    .addColumn('current_digest', 'text', (c) => c.notNull())
    .addColumn('previous_digest', 'text')
    .addColumn('sealed_answer', 'text')
    .addColumn('created_at_ms', 'bigint', (c) => c.notNull())
    .addColumn('rotated_at_ms', 'bigint', (c) => c.notNull())
    .addColumn('idle_expires_at_ms', 'bigint', (c) => c.notNull())
    .addColumn('expires_at_ms', 'bigint', (c) => c.notNull())
    .addColumn('ended_at_ms', 'bigint')
    .execute();
  for (const column of ['customer_id', 'expires_at_ms', 'idle_expires_at_ms']) {
    await db.schema
      .createIndex(`refresh_families_by_${column}`)
      .on('refresh_families')
      .column(column)
      .execute();
  }

  await db.schema
    .createTable('consents')
    .addColumn('client_id', 'text', (c) => c.notNull())
    .addColumn('customer_id', 'text', (c) => c.notNull())
    .addColumn('person_index', 'text', (c) => c.notNull())
    .addColumn('scopes_json', 'text', (c) => c.notNull())
    .addColumn('fields_json', 'text', (c) => c.notNull())
    .addColumn('granted_at_ms', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('consents_key', ['client_id', 'customer_id'])
    .execute();
  await db.schema.createIndex('consents_by_person').on('consents').column('person_index').execute();
  await db.schema.createIndex('consents_by_customer').on('consents').column('customer_id').execute();
}
