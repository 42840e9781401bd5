import type { ExpiringRows } from '../redis-take-over.ts';
import type { Database } from './schema.ts';
import type { TableEntry } from './table-list.ts';
import { type Row, readRows } from './table-rows.ts';

async function* each<T>(
  db: Database,
  { table, columns, make }: { table: TableEntry; columns: string[]; make: (row: Row) => T },
): AsyncGenerator<T> {
  for await (const rows of readRows(db, table, columns)) for (const row of rows) yield make(row);
}

/** The rows of the tables whose place is taken by Redis where there is one. */
export function readExpiring(db: Database): ExpiringRows {
  return {
    sessions: each(db, {
      table: { name: 'sessions', key: ['id_digest'], expiring: true },
      columns: ['id_digest', 'data', 'expires_at_ms'],
      make: ([idDigest, data, expiresAtMs]) => ({
        idDigest: String(idDigest),
        data: String(data),
        expiresAtMs: Number(expiresAtMs),
      }),
    }),
    replays: each(db, {
      table: { name: 'replays', key: ['space', 'id'], expiring: true },
      columns: ['space', 'id', 'expires_at_ms'],
      make: ([space, id, expiresAtMs]) => ({
        space: String(space),
        id: String(id),
        expiresAtMs: Number(expiresAtMs),
      }),
    }),
  };
}
