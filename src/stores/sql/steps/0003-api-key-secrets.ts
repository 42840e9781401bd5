import { type Kysely, sql } from 'kysely';

/**
 * Secrets of API keys in a table of their own, so that two may live during a rotation; signature policy, address list
 * and public keys on the key. The table of keys is made anew, because SQLite drops no column that is unique.
 */
export async function splitApiKeySecrets(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('api_keys_next')
    .addColumn('key_id', 'text', (c) => c.primaryKey())
    .addColumn('partner_id', 'text', (c) => c.notNull().references('partners.id'))
    .addColumn('label', 'text', (c) => c.notNull())
    .addColumn('environment', 'text', (c) => c.notNull())
    .addColumn('key_use', 'text', (c) => c.notNull())
    .addColumn('signature_policy', 'text', (c) => c.notNull())
    .addColumn('scopes_json', 'text', (c) => c.notNull())
    .addColumn('allowed_addresses_json', 'text', (c) => c.notNull())
    .addColumn('public_keys_json', 'text', (c) => c.notNull())
    .addColumn('public_prefix', 'text', (c) => c.notNull())
    .addColumn('public_digest', 'text', (c) => c.notNull().unique())
    .addColumn('created_at_ms', 'bigint', (c) => c.notNull())
    .addColumn('expires_at_ms', 'bigint')
    .addColumn('revoked_at_ms', 'bigint')
    .execute();
  await db.schema
    .createTable('api_key_secrets')
    .addColumn('secret_id', 'text', (c) => c.primaryKey())
    .addColumn('key_id', 'text', (c) => c.notNull())
    .addColumn('digest', 'text', (c) => c.unique())
    .addColumn('sealed_signing_key', 'text')
    .addColumn('created_at_ms', 'bigint', (c) => c.notNull())
    .addColumn('expires_at_ms', 'bigint')
    .addColumn('revoked_at_ms', 'bigint')
    .addColumn('first_used_at_ms', 'bigint')
    .addColumn('last_used_at_ms', 'bigint')
    .execute();
  await sql`
    insert into api_keys_next
    select key_id, partner_id, label, environment, key_use,
      case when signature_required = 1 then 'any' else 'none' end,
      scopes_json, '[]', '[]', public_prefix, public_digest, created_at_ms, expires_at_ms, revoked_at_ms
    from api_keys
  `.execute(db);
  // A secret sealed before this step was sealed for its key, so its id is the key's.
  await sql`
    insert into api_key_secrets (secret_id, key_id, digest, sealed_signing_key, created_at_ms)
    select key_id, key_id, secret_digest, sealed_signing_key, created_at_ms from api_keys
  `.execute(db);
  await db.schema.dropTable('api_keys').execute();
  await db.schema.alterTable('api_keys_next').renameTo('api_keys').execute();
  await db.schema.createIndex('api_keys_by_partner').on('api_keys').column('partner_id').execute();
  await db.schema.createIndex('api_key_secrets_by_key').on('api_key_secrets').column('key_id').execute();
}
