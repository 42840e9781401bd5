/**
 * The embedded engine: one SQLite file, one connection, in this process. Writes go to the write-ahead log before a
 * call returns, so a killed process loses nothing that was committed (a power cut may lose the last moments).
 */
import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import {
  type Dialect,
  Kysely,
  type SqliteDatabase,
  SqliteAdapter,
  SqliteDialect,
  type SqliteStatement,
} from 'kysely';
import type { Schema } from './schema.ts';
import type { SqlEngine } from './sql-engine.ts';

/** How long a statement waits for another process that holds the file; milliseconds. */
const BUSY_TIMEOUT_MS = 5_000;
const BUSY_PAUSE_MS = 20;
const MAX_CACHED_STATEMENTS = 200;

export const SQLITE_BUSY = 5;
/** SQLite result codes that say "not now" or "not here"; others are our own mistakes or a broken rule. */
const AWAY_CODES = new Set([
  SQLITE_BUSY,
  6, // SQLITE_LOCKED
  7, // SQLITE_NOMEM
  8, // SQLITE_READONLY
  10, // SQLITE_IOERR
  11, // SQLITE_CORRUPT
  13, // SQLITE_FULL
  14, // SQLITE_CANTOPEN
  26, // SQLITE_NOTADB
]);

/** Makes the file (0600) and its directory (0700) before SQLite can make them with other modes. */
export function preparePrivateFile(file: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  try {
    closeSync(openSync(file, 'wx', 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    // By path: opening and closing a file that this process has locked would drop the lock (POSIX fcntl).
    chmodSync(file, 0o600);
  }
}

/** SQLite's primary result code of an error, or `undefined` when it is none of SQLite's. */
export function sqliteCode(error: unknown): number | undefined {
  const code = error instanceof Error && 'errcode' in error ? error.errcode : undefined;
  return typeof code === 'number' ? code & 0xff : undefined;
}

function isAway(error: unknown): boolean {
  const code = sqliteCode(error);
  if (code !== undefined) return AWAY_CODES.has(code);
  // After close(): "database is not open", or Kysely's own word for it.
  const text = error instanceof Error ? error.message : '';
  return text.includes('not open') || text.includes('destroyed');
}

/** Kysely asks for statements again and again: keep the prepared ones, newest use last. */
function createStatementCache(db: DatabaseSync): (query: string) => SqliteStatement {
  const cached = new Map<string, SqliteStatement>();
  return (query) => {
    let statement = cached.get(query);
    if (statement) cached.delete(query);
    else statement = adaptStatement(db.prepare(query));
    cached.set(query, statement);
    if (cached.size > MAX_CACHED_STATEMENTS) cached.delete(cached.keys().next().value as string);
    return statement;
  };
}

function adaptStatement(statement: StatementSync): SqliteStatement {
  const bind = (parameters: readonly unknown[]) => parameters as readonly SQLInputValue[];
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => statement.all(...bind(parameters)),
    run: (parameters) => statement.run(...bind(parameters)),
    iterate: (parameters) => statement.iterate(...bind(parameters)) as IterableIterator<unknown>,
  };
}

/**
 * Transactions take the write lock at once: with a plain `begin`, two that read first and write later would both
 * have to fail. Migrations run in such a transaction too, which is all the lock they need.
 */
function createDialect(database: SqliteDatabase): Dialect {
  const base = new SqliteDialect({ database });
  return {
    createDriver: () => base.createDriver(),
    createQueryCompiler: () => base.createQueryCompiler(),
    createIntrospector: (db) => base.createIntrospector(db),
    createAdapter: () => Object.create(new SqliteAdapter(), { supportsTransactionalDdl: { value: true } }),
  };
}

/** Switching a new file to the write-ahead log fails at once, without the busy time-out, while another does it. */
async function useWriteAheadLog(db: DatabaseSync): Promise<void> {
  for (let waitedMs = 0; ; waitedMs += BUSY_PAUSE_MS) {
    try {
      db.exec('pragma journal_mode = wal');
      return;
    } catch (error) {
      if (sqliteCode(error) !== SQLITE_BUSY || waitedMs >= BUSY_TIMEOUT_MS) throw error;
      await pause(BUSY_PAUSE_MS);
    }
  }
}

/**
 * Opens the file, or a database in memory for `:memory:`. With `readOnly` nothing is made or written, and a transaction
 * sees one moment without keeping writers out. Throws SQLite's errors.
 */
export async function openSqliteEngine(
  file: string,
  { readOnly = false }: { readOnly?: boolean } = {},
): Promise<SqlEngine> {
  if (file !== ':memory:' && !readOnly) preparePrivateFile(file);
  const db = new DatabaseSync(file, {
    timeout: BUSY_TIMEOUT_MS,
    enableForeignKeyConstraints: true,
    readOnly,
  });
  try {
    if (!readOnly) {
      await useWriteAheadLog(db);
      db.exec('pragma synchronous = normal');
    }
    db.exec('pragma trusted_schema = off');
  } catch (error) {
    db.close();
    throw error;
  }
  const prepare = createStatementCache(db);
  const begin = readOnly ? 'begin' : 'begin immediate';
  const kysely = new Kysely<Schema>({
    dialect: createDialect({
      close: () => db.close(),
      prepare: (query) => prepare(query === 'begin' ? begin : query),
    }),
  });
  return { db: kysely, migrationDb: kysely, isAway, close: () => kysely.destroy() };
}
