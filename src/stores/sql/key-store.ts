import { BridgeError } from '../../errors.ts';
import type { KeyStore, SealedKey } from '../../keyring/keyring-types.ts';
import { insertedRows } from './rows.ts';
import type { Database, PurposeKeysTable } from './schema.ts';

function rowOf(key: SealedKey): PurposeKeysTable {
  return {
    purpose: key.purpose,
    version: key.version,
    kek_id: key.kekId,
    sealed: key.sealed,
    created_at_ms: key.createdAtMs,
  };
}

/** Keys of the keyring and, in a table of their own, the checks that outlive a lost key. */
export function createKeyStore(db: Database): KeyStore {
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
    addKey: (key, check) =>
      db.transaction().execute(async (trx) => {
        // The check first: where one stands without its key, the key was lost, and a new one must not take its place.
        const checkResult = await trx
          .insertInto('purpose_key_checks')
          .values({ purpose: check.purpose, version: check.version, check_value: check.check })
          .onConflict((c) => c.doNothing())
          .executeTakeFirst();
        if (insertedRows(checkResult) === 0) return false;
        await trx.insertInto('purpose_keys').values(rowOf(key)).execute();
        return true;
      }),
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
