import type { SigningKeyStore, StoredSigningKey } from '../../tokens/signing-key-types.ts';
import type { AuditedChange } from './audited-change.ts';
import { raiseCounter } from './counters.ts';
import { insertedRows, mayBeStored, orNull, orUndefined } from './rows.ts';
import type { Database, SigningKeysTable } from './schema.ts';

function rowOf(key: StoredSigningKey): SigningKeysTable {
  return {
    kid: key.kid,
    ring: key.ring,
    algorithm: key.algorithm,
    public_jwk_json: JSON.stringify(key.publicJwk),
    sealed_private_key: key.sealedPrivateKey,
    published_at_ms: key.publishedAtMs,
    signs_at_ms: key.signsAtMs,
    revoked_at_ms: orNull(key.revokedAtMs),
  };
}

function keyOf(row: SigningKeysTable): StoredSigningKey {
  return {
    kid: row.kid,
    ring: row.ring,
    algorithm: row.algorithm,
    publicJwk: JSON.parse(row.public_jwk_json) as StoredSigningKey['publicJwk'],
    sealedPrivateKey: row.sealed_private_key,
    publishedAtMs: row.published_at_ms,
    signsAtMs: row.signs_at_ms,
    revokedAtMs: orUndefined(row.revoked_at_ms),
  };
}

export function createSigningKeyStore(db: Database, auditedChange: AuditedChange): SigningKeyStore {
  return {
    async list() {
      const rows = await db
        .selectFrom('signing_keys')
        .selectAll()
        .orderBy('published_at_ms')
        .orderBy('kid')
        .execute();
      return rows.map(keyOf);
    },
    addFirst: (key) =>
      db.transaction().execute(async (trx) => {
        await raiseCounter(trx, `signing-ring/${key.ring}`, 0);
        const present = await trx
          .selectFrom('signing_keys')
          .select('kid')
          .where('ring', '=', key.ring)
          .limit(1)
          .executeTakeFirst();
        if (present) return false;
        const result = await trx
          .insertInto('signing_keys')
          .values(rowOf(key))
          .onConflict((c) => c.doNothing())
          .executeTakeFirst();
        return insertedRows(result) === 1;
      }),
    async add(key, audit) {
      await auditedChange(audit, async (trx) => {
        await trx.insertInto('signing_keys').values(rowOf(key)).execute();
        return 'added';
      });
    },
    async revoke(kid, atMs, audit) {
      if (!mayBeStored(kid)) return 'missing';
      return auditedChange(audit, async (trx) => {
        const result = await trx
          .updateTable('signing_keys')
          .set({ revoked_at_ms: atMs })
          .where('kid', '=', kid)
          .where('revoked_at_ms', 'is', null)
          .executeTakeFirst();
        return result.numUpdatedRows === 0n ? 'missing' : 'revoked';
      });
    },
    async remove(kids) {
      if (kids.length > 0) await db.deleteFrom('signing_keys').where('kid', 'in', kids).execute();
    },
  };
}
