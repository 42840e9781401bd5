import { type Kysely, sql } from 'kysely';

interface OldSecret {
  digest: string;
  createdAtMs: number;
  expiresAtMs?: number;
}

/**
 * How a secret is replaced: its grace and its successor. Secrets of clients come into a table of their own, as those
 * of API keys are; a key notes when it was last named beside an access token.
 */
export async function planSecretRotations(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('api_keys').addColumn('last_used_at_ms', 'bigint').execute();
  await db.schema.alterTable('api_key_secrets').addColumn('grace_ms', 'bigint').execute();
  await db.schema.alterTable('api_key_secrets').addColumn('successor_id', 'text').execute();
  await db.schema
    .createTable('client_secrets')
    .addColumn('secret_id', 'text', (c) => c.primaryKey())
    .addColumn('client_id', 'text', (c) => c.notNull().references('clients.client_id'))
    .addColumn('digest', 'text', (c) => c.notNull())
    .addColumn('created_at_ms', 'bigint', (c) => c.notNull())
    .addColumn('expires_at_ms', 'bigint')
    .addColumn('revoked_at_ms', 'bigint')
    .addColumn('first_used_at_ms', 'bigint')
    .addColumn('last_used_at_ms', 'bigint')
    .addColumn('grace_ms', 'bigint')
    .addColumn('successor_id', 'text')
    .execute();
  await db.schema.createIndex('client_secrets_by_client').on('client_secrets').column('client_id').execute();
  for (const table of ['api_key_secrets', 'client_secrets']) {
    await db.schema
      .createIndex(`${table}_in_rotation`)
      .on(table)
      .column('successor_id')
      .where(sql.ref('grace_ms'), 'is not', null)
      .execute();
  }
  const { rows } = await sql<{ client_id: string; secrets_json: string }>`
    select client_id, secrets_json from clients
  `.execute(db);
  for (const row of rows) {
    const secrets = JSON.parse(row.secrets_json) as OldSecret[];
    for (const [i, { digest, createdAtMs, expiresAtMs }] of secrets.entries()) {
      await sql`
        insert into client_secrets (secret_id, client_id, digest, created_at_ms, expires_at_ms)
        values (${`${row.client_id}_${i + 1}`}, ${row.client_id}, ${digest}, ${createdAtMs}, ${expiresAtMs ?? null})
      `.execute(db);
    }
  }
  await db.schema.alterTable('clients').dropColumn('secrets_json').execute();
}
