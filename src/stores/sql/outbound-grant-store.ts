import type { OutboundGrantStore } from '../../outbound/outbound-grant.ts';
import type { Database } from './schema.ts';

/** A change names the version that it rests on: the row is written where that is still the one there. */
export function createOutboundGrantStore(db: Database): OutboundGrantStore {
  return {
    async find(connection) {
      const row = await db
        .selectFrom('outbound_grants')
        .selectAll()
        .where('connection', '=', connection)
        .executeTakeFirst();
      return (
        row && {
          connection: row.connection,
          version: row.version,
          sealed: row.sealed,
          updatedAtMs: row.updated_at_ms,
        }
      );
    },
    async store({ connection, version, sealed, updatedAtMs }) {
      const row = { connection, version, sealed, updated_at_ms: updatedAtMs };
      if (version === 1) {
        const inserted = await db
          .insertInto('outbound_grants')
          .values(row)
          .onConflict((c) => c.column('connection').doNothing())
          .executeTakeFirst();
        return Number(inserted.numInsertedOrUpdatedRows) === 1 ? 'stored' : 'outdated';
      }
      const updated = await db
        .updateTable('outbound_grants')
        .set({ version, sealed, updated_at_ms: updatedAtMs })
        .where('connection', '=', connection)
        .where('version', '=', version - 1)
        .executeTakeFirst();
      return Number(updated.numUpdatedRows) === 1 ? 'stored' : 'outdated';
    },
  };
}
