import { sql } from 'kysely';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { ClientId } from '../../../src/clients/client.ts';
import { createAuditedChange } from '../../../src/stores/sql/audited-change.ts';
import { createClientStore } from '../../../src/stores/sql/client-store.ts';
import type { SqlEngine } from '../../../src/stores/sql/sql-engine.ts';
import { openSqliteEngine } from '../../../src/stores/sql/sqlite-engine.ts';
import { planSecretRotations } from '../../../src/stores/sql/steps/0006-secret-rotations.ts';
import { addOpenIdClients } from '../../../src/stores/sql/steps/0007-openid-clients.ts';

let engine: SqlEngine;
beforeEach(async () => {
  engine = await openSqliteEngine(':memory:');
});
afterEach(() => engine.close());

/** The tables as the steps before made them. */
const BEFORE = [
  `create table clients (client_id text primary key, partner_id text not null, label text not null,
    scopes_json text not null, grant_types_json text not null, secrets_json text not null,
    application_type text not null, party text not null, authentication text not null,
    redirect_uris_json text not null, public_keys_json text not null,
    created_at_ms bigint not null, revoked_at_ms bigint)`,
  'create table api_keys (key_id text primary key)',
  'create table api_key_secrets (secret_id text primary key)',
];

it('clients that were made before secrets had a table of their own keep their secrets', async () => {
  const { db } = engine;
  for (const statement of BEFORE) await sql.raw(statement).execute(db);
  const secrets = JSON.stringify([
    { digest: 'older', createdAtMs: 4, expiresAtMs: 9 },
    { digest: 'current', createdAtMs: 5 },
  ]);
  await sql`insert into clients values
    ('cl_1', 'acme', 'server', '["profile:read"]', '[]', ${secrets}, 'web', 'third', 'secret', '[]', '[]', 3, null),
    ('cl_2', 'acme', 'app', '[]', '[]', '[]', 'spa', 'third', 'none', '[]', '[]', 3, null)
  `.execute(db);

  await planSecretRotations(db as never);
  // Today's store, which reads the result, knows the column of the step after.
  await addOpenIdClients(db as never);

  const store = createClientStore(
    db,
    createAuditedChange(db, () => 'hash'),
  );
  expect((await store.find('cl_1' as ClientId))?.secrets).toMatchObject([
    { secretId: 'cl_1_1', digest: 'older', createdAtMs: 4, expiresAtMs: 9, revokedAtMs: undefined },
    {
      secretId: 'cl_1_2',
      digest: 'current',
      createdAtMs: 5,
      expiresAtMs: undefined,
      lastUsedAtMs: undefined,
    },
  ]);
  expect((await store.find('cl_2' as ClientId))?.secrets).toEqual([]);
});
