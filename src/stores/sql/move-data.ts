/**
 * Moves rows from one database to another by a file of JSON lines: a head, then for each table its columns, its rows
 * and what they come to, then the digest of the whole file. Rows are copied as they are: what is sealed stays sealed,
 * and every identifier stays what it is.
 */
import { createHash } from 'node:crypto';
import { StartRefused } from '../../errors.ts';
import { readMigrationState } from './migrate-tables.ts';
import type { Database, DatabaseTransaction } from './schema.ts';
import { type TableEntry, TABLES } from './table-list.ts';
import {
  columnsOf,
  createRowsDigest,
  hasRows,
  insertRows,
  type Row,
  readRows,
  ROWS_AT_ONCE,
} from './table-rows.ts';

const FORMAT = 1;

/** Rows moved so far, and of which table. */
export type OnProgress = (table: string, rows: number) => void;

export interface Moved {
  tables: number;
  rows: number;
}

export interface WriteMoveOptions {
  /** Leaves sessions, codes, refresh families and used-up ids behind. */
  lastingOnly: boolean;
  nowMs: number;
  onProgress?: OnProgress;
}

function damaged(what: string): StartRefused {
  return new StartRefused(`The file is damaged or is no export: ${what}. Nothing was imported.`);
}

async function doneSteps(db: Database): Promise<string[]> {
  const { done, due, newer } = await readMigrationState(db);
  if (due.length > 0 || newer.length > 0) {
    throw new StartRefused(
      'The tables of this database are not those of this version. Run: symbolon migrate, with the version that serves it.',
    );
  }
  return done;
}

/** Writes one table and says how many rows it has. */
async function writeTable(
  db: Database,
  table: TableEntry,
  { write, onProgress }: { write: (value: unknown) => Promise<void>; onProgress: OnProgress },
): Promise<number> {
  const columns = await columnsOf(db, table);
  await write({ table: table.name, columns });
  const digest = createRowsDigest();
  for await (const rows of readRows(db, table, columns)) {
    for (const row of rows) {
      digest.add(row);
      await write(row);
    }
    onProgress(table.name, digest.rows);
  }
  await write({ end_of: table.name, rows: digest.rows, digest: digest.value() });
  return digest.rows;
}

/**
 * Writes what the database holds at one moment. `writeLine` gets a line with its line break. Throws `StartRefused` when
 * the tables are of another version.
 */
export async function writeMove(
  db: Database,
  writeLine: (line: string) => Promise<void>,
  options: WriteMoveOptions,
): Promise<Moved> {
  const steps = await doneSteps(db);
  const file = createHash('sha256');
  const write = async (value: unknown) => {
    const line = `${JSON.stringify(value)}\n`;
    file.update(line);
    await writeLine(line);
  };
  const tables = TABLES.filter(({ expiring }) => !(options.lastingOnly && expiring));
  let rows = 0;
  await db
    .transaction()
    .setIsolationLevel('repeatable read')
    .execute(async (trx) => {
      await write({
        symbolon_export: FORMAT,
        created_at: new Date(options.nowMs).toISOString(),
        records: options.lastingOnly ? 'lasting' : 'all',
        steps,
      });
      for (const table of tables) {
        rows += await writeTable(trx, table, { write, onProgress: options.onProgress ?? (() => {}) });
      }
    });
  await writeLine(`${JSON.stringify({ complete: true, sha256: file.digest('hex') })}\n`);
  return { tables: tables.length, rows };
}

type Member = Record<string, unknown>;

function parseLine(line: string): Row | Member {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null) return value as Row | Member;
  } catch {
    // said below
  }
  throw damaged('a line of it is not JSON');
}

function checkHead(head: Member, steps: readonly string[]): void {
  if (head['symbolon_export'] !== FORMAT)
    throw damaged('it does not begin as an export of this version does');
  if (JSON.stringify(head['steps']) !== JSON.stringify(steps)) {
    throw new StartRefused(
      'The export was made by another version of Symbolon. Bring its source to this version (symbolon migrate), then export it anew.',
    );
  }
}

interface OpenTable {
  table: TableEntry;
  columns: string[];
  digest: ReturnType<typeof createRowsDigest>;
  waiting: Row[];
}

/** Takes the lines one after the other into the tables of a transaction. */
function createTaker(trx: DatabaseTransaction, steps: readonly string[], onProgress: OnProgress) {
  const finished = new Map<string, { columns: string[]; rows: number; digest: string }>();
  let open: OpenTable | undefined;
  let begun = false;

  const flush = async (current: OpenTable) => {
    await insertRows(trx, current.table, { columns: current.columns, rows: current.waiting });
    current.waiting = [];
    onProgress(current.table.name, current.digest.rows);
  };
  const begin = async (line: Member) => {
    const table = TABLES.find(({ name }) => name === line['table']);
    if (!table || finished.has(table.name)) throw damaged('it names a table that is not there');
    const columns = await columnsOf(trx, table);
    if (JSON.stringify(columns) !== JSON.stringify(line['columns'])) {
      throw damaged(`the columns of ${table.name} are not those of this version`);
    }
    open = { table, columns, digest: createRowsDigest(), waiting: [] };
  };
  const end = async (line: Member, current: OpenTable) => {
    await flush(current);
    const { rows } = current.digest;
    const digest = current.digest.value();
    const { table, columns } = current;
    if (line['end_of'] !== table.name || line['rows'] !== rows || line['digest'] !== digest) {
      throw damaged(`rows of ${table.name} were changed or are missing`);
    }
    finished.set(table.name, { columns, rows, digest });
    open = undefined;
  };
  return {
    finished,
    take: async (line: Row | Member): Promise<void> => {
      if (!begun) {
        if (Array.isArray(line)) throw damaged('it has no head');
        checkHead(line as Member, steps);
        begun = true;
      } else if (!open) {
        if (Array.isArray(line)) throw damaged('a row belongs to no table');
        await begin(line as Member);
      } else if (Array.isArray(line)) {
        const row = line as Row;
        if (row.length !== open.columns.length) throw damaged(`a row of ${open.table.name} is not whole`);
        open.digest.add(row);
        open.waiting.push(row);
        if (open.waiting.length === ROWS_AT_ONCE) await flush(open);
      } else await end(line as Member, open);
    },
    isWhole: () => open === undefined && TABLES.every(({ name, expiring }) => expiring || finished.has(name)),
  };
}

/** Reads back what was written and compares it with what the file said. */
async function compare(trx: DatabaseTransaction, finished: ReturnType<typeof createTaker>['finished']) {
  for (const [name, { columns, rows, digest }] of finished) {
    const read = createRowsDigest();
    const table = TABLES.find((one) => one.name === name) as TableEntry;
    for await (const some of readRows(trx, table, columns)) for (const row of some) read.add(row);
    if (read.rows !== rows || read.value() !== digest) {
      throw new StartRefused(
        `The target does not give back the rows of ${name} as they were written. Nothing was imported.`,
      );
    }
  }
}

export interface ReadMoveOptions {
  onProgress?: OnProgress;
  /** Runs at the end of the same transaction; what it throws takes everything back. */
  beforeCommit: (trx: DatabaseTransaction, moved: Moved) => Promise<void>;
}

/**
 * Puts an export into an empty database: all of it or nothing. Everything is read back and compared before it counts.
 * Throws `StartRefused` when the database holds anything, the file is not whole, or it is of another version.
 */
export async function readMove(
  db: Database,
  lines: AsyncIterable<string>,
  options: ReadMoveOptions,
): Promise<Moved> {
  const steps = await doneSteps(db);
  for (const table of TABLES) {
    if (await hasRows(db, table)) {
      throw new StartRefused(
        `The database is not empty (${table.name} has rows). An import only goes into an empty one: nothing is ever overwritten.`,
      );
    }
  }
  return db.transaction().execute(async (trx) => {
    const taker = createTaker(trx, steps, options.onProgress ?? (() => {}));
    const file = createHash('sha256');
    let last: string | undefined;
    for await (const line of lines) {
      if (last !== undefined) {
        file.update(`${last}\n`);
        await taker.take(parseLine(last));
      }
      last = line;
    }
    const foot = last === undefined ? {} : (parseLine(last) as Member);
    if (foot['complete'] !== true || !taker.isWhole()) throw damaged('its end is missing');
    if (foot['sha256'] !== file.digest('hex')) throw damaged('its digest does not fit');
    await compare(trx, taker.finished);
    const moved = {
      tables: taker.finished.size,
      rows: [...taker.finished.values()].reduce((sum, { rows }) => sum + rows, 0),
    };
    await options.beforeCommit(trx, moved);
    return moved;
  });
}
