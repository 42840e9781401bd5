/** Fills tables of a running service's embedded database, to see whether their size costs anything. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';

/** What there is one of for each customer, key and session. */
const TABLES = ['customers', 'customer_references', 'api_keys', 'api_key_secrets', 'sessions'] as const;
/** Rows in one transaction: short enough that the service, which writes to the same file, waits for none. */
const BATCH = 5_000;

interface Column {
  name: string;
  type: string;
}

/** Text columns that an index names: those by which rows are found, in which a copy differs from what it copies. */
function indexedColumns(db: DatabaseSync, table: string): Set<string> {
  const named = new Set<string>();
  const indexes = db.prepare(`pragma index_list(${table})`).all() as { name: string }[];
  for (const { name } of indexes) {
    const columns = db.prepare(`pragma index_info(${JSON.stringify(name)})`).all() as { name: string }[];
    for (const column of columns) named.add(column.name);
  }
  const columns = db.prepare(`pragma table_info(${table})`).all() as unknown as Column[];
  return new Set(
    columns.filter(({ name, type }) => named.has(name) && /text/i.test(type)).map(({ name }) => name),
  );
}

/** Copies a row of each table, with other keys, until the table holds `wanted`. Returns once all of them do. */
export function fillTables(home: string, wanted: number): void {
  const db = new DatabaseSync(join(home, '.symbolon/symbolon.db'), { enableForeignKeyConstraints: false });
  try {
    db.exec('pragma busy_timeout = 5000');
    for (const table of TABLES) {
      const row = db.prepare(`select * from ${table} limit 1`).get() as
        | Record<string, SQLInputValue>
        | undefined;
      if (!row) throw new Error(`there is no row in ${table} to copy`);
      const names = Object.keys(row);
      const distinct = indexedColumns(db, table);
      const insert = db.prepare(
        `insert into ${table} (${names.join(', ')}) values (${names.map(() => '?').join(', ')})`,
      );
      let { held } = db.prepare(`select count(*) as held from ${table}`).get() as { held: number };
      while (held < wanted) {
        db.exec('begin immediate');
        for (const end = Math.min(wanted, held + BATCH); held < end; held++) {
          insert.run(
            ...names.map((name) =>
              distinct.has(name) ? randomBytes(18).toString('base64url') : (row[name] ?? null),
            ),
          );
        }
        db.exec('commit');
      }
    }
  } finally {
    db.close();
  }
}
