import { BridgeError } from '../../errors.ts';
import type { KeyCheck, KeyStore, SealedKey } from '../../keyring/keyring-types.ts';
import type { AuditedChange } from './audited-change.ts';
import { insertedRows } from './rows.ts';
import type { Database, DatabaseTransaction, PurposeKeysTable } from './schema.ts';

function rowOf(key: SealedKey): PurposeKeysTable {
  return {
    purpose: key.purpose,
    version: key.version,
    kek_id: key.kekId,
    sealed: key.sealed,
    created_at_ms: key.createdAtMs,
  };
}

async function insertKey(trx: DatabaseTransaction, key: SealedKey, check: KeyCheck): Promise<boolean> {
  // The check first: where one stands without its key, the key was lost, and a new one must not take its place.
  const checkResult = await trx
    .insertInto('purpose_key_checks')
    .values({ purpose: check.purpose, version: check.version, check_value: check.check })
    .onConflict((c) => c.doNothing())
    .executeTakeFirst();
  if (insertedRows(checkResult) === 0) return false;
  await trx.insertInto('purpose_keys').values(rowOf(key)).execute();
  return true;
}

/** Keys of the keyring and, in a table of their own, the checks that outlive a lost key. */
export function createKeyStore(db: Database, auditedChange: AuditedChange): KeyStore {
  return {
    async loadKeys() {
      const rows = await db
        .selectFrom('purpose_keys')
        .selectAll()
        .orderBy('purpose')
        .orderBy('version')
        .execute();
      return rows.map((row) => ({
        purpose: row.purpose,
        version: row.version,
        kekId: row.kek_id,
        sealed: row.sealed,
        createdAtMs: row.created_at_ms,
      }));
    },
    async loadChecks() {
      const rows = await db
        .selectFrom('purpose_key_checks')
        .selectAll()
        .orderBy('purpose')
        .orderBy('version')
        .execute();
      return rows.map((row) => ({
        purpose: row.purpose,
        version: row.version,
        check: row.check_value,
      }));
    },
    addKey: async (key, check, audit) => {
      if (!audit) return db.transaction().execute((trx) => insertKey(trx, key, check));
      const outcome = await auditedChange(audit, async (trx) =>
        (await insertKey(trx, key, check)) ? 'added' : 'conflict',
      );
      return outcome === 'added';
    },
    resealKeys: (keys) =>
      db.transaction().execute(async (trx) => {
        for (const key of keys) {
          const result = await trx
            .updateTable('purpose_keys')
            .set({ kek_id: key.kekId, sealed: key.sealed })
            .where('purpose', '=', key.purpose)
            .where('version', '=', key.version)
            .executeTakeFirst();
          if (result.numUpdatedRows !== 1n) {
            throw new BridgeError('INTERNAL_ERROR', {
              cause: new Error(`there is no ${key.purpose} key of version ${key.version} to seal again`),
            });
          }
        }
      }),
  };
}
