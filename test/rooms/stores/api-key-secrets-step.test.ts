import { sql } from 'kysely';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createApiKeyStore } from '../../../src/stores/sql/api-key-store.ts';
import { createAuditedChange } from '../../../src/stores/sql/audited-change.ts';
import type { SqlEngine } from '../../../src/stores/sql/sql-engine.ts';
import { openSqliteEngine } from '../../../src/stores/sql/sqlite-engine.ts';
import { splitApiKeySecrets } from '../../../src/stores/sql/steps/0003-api-key-secrets.ts';

let engine: SqlEngine;
beforeEach(async () => {
  engine = await openSqliteEngine(':memory:');
});
afterEach(() => engine.close());

/** The table of keys as the first step made it. */
const FIRST = `create table api_keys (key_id text primary key, partner_id text not null, label text not null,
  environment text not null, key_use text not null, signature_required integer not null, scopes_json text not null,
  public_prefix text not null, public_digest text not null unique, secret_digest text unique,
  sealed_signing_key text, created_at_ms bigint not null, expires_at_ms bigint, revoked_at_ms bigint)`;

it('keys that were made before secrets had a table of their own are found by the same credentials', async () => {
  const { db } = engine;
  await sql`create table partners (id text primary key)`.execute(db);
  await sql.raw(FIRST).execute(db);
  await sql`create index api_keys_by_partner on api_keys (partner_id)`.execute(db);
  await sql`insert into partners values ('acme')`.execute(db);
  await sql`insert into api_keys values
    ('ak_1', 'acme', 'plain', 'live', 'bearer', 0, '["profile:read"]', 'pk_live_1', 'pd1', 'sd1', null, 5, 99, null),
    ('ak_2', 'acme', 'signed', 'test', 'signing', 1, '[]', 'pk_test_2', 'pd2', null, 'sealed', 6, null, 7)
  `.execute(db);

  await splitApiKeySecrets(db as never);

  const store = createApiKeyStore(
    db,
    createAuditedChange(db, () => 'hash'),
  );
  const plain = await store.findBySecretDigest('sd1');
  expect(plain).toMatchObject({
    keyId: 'ak_1',
    use: 'bearer',
    signature: 'none',
    scopes: ['profile:read'],
    allowedAddresses: [],
    publicKeys: [],
    createdAtMs: 5,
    expiresAtMs: 99,
    secrets: [{ secretId: 'ak_1', digest: 'sd1', sealedSigningKey: undefined, createdAtMs: 5 }],
  });
  expect(await store.findByPublicDigest('pd2')).toMatchObject({
    keyId: 'ak_2',
    environment: 'test',
    signature: 'any',
    revokedAtMs: 7,
    // Sealed for its key, whose id its secret now has.
    secrets: [{ secretId: 'ak_2', digest: undefined, sealedSigningKey: 'sealed' }],
  });
});
