/**
 * The tables, step by step. A step that has been released is never changed: what must be different comes as a new
 * step, whose name sorts after the last. Since 0012 a step only adds, unless its name says `contract`
 * (`migrate-tables.ts`). All steps that are due run in one transaction under a lock, so two processes that start at
 * once make the tables once, and a stop half-way leaves what was there before.
 */
import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';
import { createReplays } from './steps/0002-replays.ts';
import { splitApiKeySecrets } from './steps/0003-api-key-secrets.ts';
import { createAuthorizations } from './steps/0004-authorizations.ts';
import { createTierAssignments } from './steps/0005-tier-assignments.ts';
import { planSecretRotations } from './steps/0006-secret-rotations.ts';
import { addOpenIdClients } from './steps/0007-openid-clients.ts';
import { splitCustomers } from './steps/0008-identifier-life.ts';
import { dropAuditLookupIndexes } from './steps/0009-audit-without-lookup-indexes.ts';
import { createOutboundGrants } from './steps/0010-outbound-grants.ts';
import { createChannelCalls } from './steps/0011-channel-calls.ts';
import { addFieldMasks } from './steps/0012-field-masks.ts';
import { createChannelVisits } from './steps/0013-channel-visits.ts';
import { addAuditCheckpoints } from './steps/0014-audit-checkpoints.ts';

// A step sees the tables as they were then, never today's `Schema`.
type AnyDatabase = Kysely<unknown>;

async function createPartners(db: AnyDatabase): Promise<void> {
  await db.schema
    .createTable('partners')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('visible_fields_json', 'text', (c) => c.notNull())
    .addColumn('tier', 'text', (c) => c.notNull())
    .addColumn('created_at_ms', 'bigint', (c) => c.notNull())
    .addColumn('disabled_at_ms', 'bigint')
    .execute();
  await db.schema
    .createTable('partner_groups')
    .addColumn('channel_group', 'text', (c) => c.primaryKey())
    .addColumn('partner_id', 'text', (c) => c.notNull().references('partners.id'))
    .addColumn('position', 'integer', (c) => c.notNull())
    .execute();
  await db.schema
    .createIndex('partner_groups_by_partner')
    .on('partner_groups')
    .column('partner_id')
    .execute();
}

async function createCredentials(db: AnyDatabase): Promise<void> {
  await db.schema
    .createTable('clients')
    .addColumn('client_id', 'text', (c) => c.primaryKey())
    .addColumn('partner_id', 'text', (c) => c.notNull().references('partners.id'))
    .addColumn('label', 'text', (c) => c.notNull())
    .addColumn('scopes_json', 'text', (c) => c.notNull())
    .addColumn('grant_types_json', 'text', (c) => c.notNull())
    .addColumn('secrets_json', 'text', (c) => c.notNull())
    .addColumn('created_at_ms', 'bigint', (c) => c.notNull())
    .addColumn('revoked_at_ms', 'bigint')
    .execute();
  await db.schema.createIndex('clients_by_partner').on('clients').column('partner_id').execute();
  await db.schema
    .createTable('api_keys')
    .addColumn('key_id', 'text', (c) => c.primaryKey())
    .addColumn('partner_id', 'text', (c) => c.notNull().references('partners.id'))
    .addColumn('label', 'text', (c) => c.notNull())
    .addColumn('environment', 'text', (c) => c.notNull())
    .addColumn('key_use', 'text', (c) => c.notNull())
    .addColumn('signature_required', 'integer', (c) => c.notNull())
    .addColumn('scopes_json', 'text', (c) => c.notNull())
    .addColumn('public_prefix', 'text', (c) => c.notNull())
    .addColumn('public_digest', 'text', (c) => c.notNull().unique())
    .addColumn('secret_digest', 'text', (c) => c.unique())
    .addColumn('sealed_signing_key', 'text')
    .addColumn('created_at_ms', 'bigint', (c) => c.notNull())
    .addColumn('expires_at_ms', 'bigint')
    .addColumn('revoked_at_ms', 'bigint')
    .execute();
  await db.schema.createIndex('api_keys_by_partner').on('api_keys').column('partner_id').execute();
}

async function createCustomers(db: AnyDatabase): Promise<void> {
  await db.schema
    .createTable('customers')
    .addColumn('customer_id', 'text', (c) => c.primaryKey())
    .addColumn('channel_group', 'text', (c) => c.notNull())
    .addColumn('space', 'text', (c) => c.notNull())
    .addColumn('subject_index', 'text', (c) => c.notNull().unique())
    .addColumn('sealed_reference', 'text', (c) => c.notNull())
    .addColumn('created_at_ms', 'bigint', (c) => c.notNull())
    .execute();
  await db.schema
    .createTable('directory_users')
    .addColumn('directory', 'text', (c) => c.notNull())
    .addColumn('username', 'text', (c) => c.notNull())
    .addColumn('reference', 'text', (c) => c.notNull())
    .addColumn('password_hash', 'text', (c) => c.notNull())
    .addColumn('created_at_ms', 'bigint', (c) => c.notNull())
    .addColumn('disabled_at_ms', 'bigint')
    .addPrimaryKeyConstraint('directory_users_key', ['directory', 'username'])
    .addUniqueConstraint('directory_users_reference', ['directory', 'reference'])
    .execute();
  await db.schema
    .createTable('sessions')
    .addColumn('id_digest', 'text', (c) => c.primaryKey())
    .addColumn('data', 'text', (c) => c.notNull())
    .addColumn('expires_at_ms', 'bigint', (c) => c.notNull())
    .execute();
  await db.schema.createIndex('sessions_by_expiry').on('sessions').column('expires_at_ms').execute();
}

async function createKeys(db: AnyDatabase): Promise<void> {
  await db.schema
    .createTable('purpose_keys')
    .addColumn('purpose', 'text', (c) => c.notNull())
    .addColumn('version', 'integer', (c) => c.notNull())
    .addColumn('kek_id', 'text', (c) => c.notNull())
    .addColumn('sealed', 'text', (c) => c.notNull())
    .addColumn('created_at_ms', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('purpose_keys_key', ['purpose', 'version'])
    .execute();
  await db.schema
    .createTable('purpose_key_checks')
    .addColumn('purpose', 'text', (c) => c.notNull())
    .addColumn('version', 'integer', (c) => c.notNull())
    .addColumn('check_value', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('purpose_key_checks_key', ['purpose', 'version'])
    .execute();
  await db.schema
    .createTable('signing_keys')
    .addColumn('kid', 'text', (c) => c.primaryKey())
    .addColumn('ring', 'text', (c) => c.notNull())
    .addColumn('algorithm', 'text', (c) => c.notNull())
    .addColumn('public_jwk_json', 'text', (c) => c.notNull())
    .addColumn('sealed_private_key', 'text', (c) => c.notNull())
    .addColumn('published_at_ms', 'bigint', (c) => c.notNull())
    .addColumn('signs_at_ms', 'bigint', (c) => c.notNull())
    .addColumn('revoked_at_ms', 'bigint')
    .execute();
}

async function createLogs(db: AnyDatabase): Promise<void> {
  await db.schema
    .createTable('counters')
    .addColumn('name', 'text', (c) => c.primaryKey())
    .addColumn('value', 'bigint', (c) => c.notNull())
    .execute();
  await db.schema
    .createTable('revocations')
    .addColumn('sequence', 'bigint', (c) => c.primaryKey())
    .addColumn('kind', 'text', (c) => c.notNull())
    .addColumn('id', 'text', (c) => c.notNull())
    .addColumn('cutoff_ms', 'bigint', (c) => c.notNull())
    .addColumn('expires_at_ms', 'bigint', (c) => c.notNull())
    .execute();
  await db.schema.createIndex('revocations_by_expiry').on('revocations').column('expires_at_ms').execute();
  await db.schema
    .createTable('audit_chains')
    .addColumn('chain', 'text', (c) => c.primaryKey())
    .addColumn('sequence', 'bigint', (c) => c.notNull())
    .addColumn('hash', 'text', (c) => c.notNull())
    .execute();
  let records = db.schema
    .createTable('audit_records')
    .addColumn('chain', 'text', (c) => c.notNull())
    .addColumn('sequence', 'bigint', (c) => c.notNull())
    .addColumn('hash', 'text', (c) => c.notNull())
    .addColumn('at_ms', 'bigint', (c) => c.notNull());
  for (const name of ['event', 'outcome', 'actor']) {
    records = records.addColumn(name, 'text', (c) => c.notNull());
  }
  for (const name of [
    'partner',
    'client_id',
    'key_prefix',
    'customer_id',
    'channel',
    'address',
    'request_id',
    'reason',
    'details_json',
  ]) {
    records = records.addColumn(name, 'text');
  }
  await records.addPrimaryKeyConstraint('audit_records_key', ['chain', 'sequence']).execute();
  await db.schema.createIndex('audit_records_by_time').on('audit_records').column('at_ms').execute();
  // Partial: most records name neither, and an append pays for every index entry.
  for (const name of ['customer_id', 'request_id']) {
    await db.schema
      .createIndex(`audit_records_by_${name}`)
      .on('audit_records')
      .column(name)
      .where(sql.ref(name), 'is not', null)
      .execute();
  }
}

/** Every step by its name; names sort in the order in which steps run. */
export const steps: Readonly<Record<string, Migration>> = {
  '0001_first_tables': {
    async up(db: AnyDatabase) {
      await createPartners(db);
      await createCredentials(db);
      await createCustomers(db);
      await createKeys(db);
      await createLogs(db);
    },
  },
  '0002_replays': { up: createReplays },
  '0003_api_key_secrets': { up: splitApiKeySecrets },
  '0004_authorizations': { up: createAuthorizations },
  '0005_tier_assignments': { up: createTierAssignments },
  '0006_secret_rotations': { up: planSecretRotations },
  '0007_openid_clients': { up: addOpenIdClients },
  '0008_identifier_life': { up: splitCustomers },
  '0009_audit_without_lookup_indexes': { up: dropAuditLookupIndexes },
  '0010_outbound_grants': { up: createOutboundGrants },
  '0011_channel_calls': { up: createChannelCalls },
  '0012_field_masks': { up: addFieldMasks },
  '0013_channel_visits': { up: createChannelVisits },
  '0014_audit_checkpoints': { up: addAuditCheckpoints },
};
