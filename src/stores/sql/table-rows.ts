import { createHash } from 'node:crypto';
import { type Kysely, sql } from 'kysely';
import type { Database } from './schema.ts';
import type { TableEntry } from './table-list.ts';

/** A value as both databases hold it. */
export type Cell = string | number | null;
export type Row = readonly Cell[];

/** Rows that are read, or written, by one statement: bounds memory and the statement's parameters. */
export const ROWS_AT_ONCE = 500;

/** A table by its name alone: rows are moved as they are, whatever they mean. */
type AnyDatabase = Kysely<Record<string, Record<string, Cell>>>;
const untyped = (db: Database): AnyDatabase => db as unknown as AnyDatabase;

/** Names of a table's columns, sorted. */
export async function columnsOf(db: Database, table: TableEntry): Promise<string[]> {
  const tables = await db.introspection.getTables();
  const found = tables.find(({ name }) => name === table.name);
  if (!found) throw new Error(`the database has no table ${table.name}`);
  return found.columns.map(({ name }) => name).sort();
}

/** Every row of a table, in the order of its key, some at a time. */
export async function* readRows(
  db: Database,
  table: TableEntry,
  columns: readonly string[],
): AsyncGenerator<Row[]> {
  const key = sql.join(table.key.map((name) => sql.ref(name)));
  let after: Cell[] | undefined;
  for (;;) {
    let query = untyped(db).selectFrom(table.name).select(columns).limit(ROWS_AT_ONCE);
    for (const name of table.key) query = query.orderBy(name);
    if (after) query = query.where(sql<boolean>`(${key}) > (${sql.join(after)})`);
    const found = await query.execute();
    if (found.length > 0) yield found.map((row) => columns.map((name) => row[name] ?? null));
    if (found.length < ROWS_AT_ONCE) return;
    const last = found.at(-1);
    after = table.key.map((name) => last?.[name] ?? null);
  }
}

/** Whether a table holds anything. */
export async function hasRows(db: Database, table: TableEntry): Promise<boolean> {
  const found = await untyped(db).selectFrom(table.name).select(table.key).limit(1).execute();
  return found.length > 0;
}

export async function insertRows(
  db: Database,
  table: TableEntry,
  content: { columns: readonly string[]; rows: readonly Row[] },
): Promise<void> {
  const { columns, rows } = content;
  if (rows.length === 0) return;
  await untyped(db)
    .insertInto(table.name)
    .values(rows.map((row) => Object.fromEntries(columns.map((name, i) => [name, row[i] ?? null]))))
    .execute();
}

/** Rows counted, and one digest of them all that is the same in whatever order they came. */
export interface RowsDigest {
  add(row: Row): void;
  readonly rows: number;
  /** Hexadecimal. Rows of a table differ in their keys, so no two of them cancel each other out. */
  value(): string;
}

export function createRowsDigest(): RowsDigest {
  const sum = Buffer.alloc(32);
  let rows = 0;
  return {
    add(row) {
      rows += 1;
      const one = createHash('sha256').update(JSON.stringify(row)).digest();
      for (let i = 0; i < sum.length; i++) sum.writeUInt8(sum.readUInt8(i) ^ one.readUInt8(i), i);
    },
    get rows() {
      return rows;
    },
    value: () => sum.toString('hex'),
  };
}
