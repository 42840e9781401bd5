/**
 * What an operator does to the database as a whole: its tables brought to this version, a backup, a move to another
 * database. Works beside a running service or without one; nothing here listens.
 */
import { rmSync } from 'node:fs';
import { createAuditLink } from '../audit/audit-chain.ts';
import { type AuditRecord, CHANGES_CHAIN } from '../audit/audit-record.ts';
import type { AuditEventName } from '../audit/audit.ts';
import type { Config } from '../config/config.ts';
import type { Secrets } from '../config/secrets.ts';
import { StartRefused } from '../errors.ts';
import type { KeyStore } from '../keyring/keyring-types.ts';
import { openKeyring } from '../keyring/keyring.ts';
import type { Clock } from '../platform/clock.ts';
import { createAuditedChange } from '../stores/sql/audited-change.ts';
import { appendToChain } from '../stores/sql/audit-rows.ts';
import { createKeyStore } from '../stores/sql/key-store.ts';
import {
  type MigrationState,
  migrateTables,
  readMigrationState,
  tryMigration,
} from '../stores/sql/migrate-tables.ts';
import { type Moved, type OnProgress, readMove, writeMove } from '../stores/sql/move-data.ts';
import { type DatabaseLocation, openDatabase } from '../stores/sql/open-database.ts';
import type { Database, DatabaseTransaction } from '../stores/sql/schema.ts';
import { asBridgeError } from '../stores/sql/shield.ts';
import type { SqlEngine } from '../stores/sql/sql-engine.ts';
import { type Closer, closeAll, lockDatabase } from './open-stores.ts';

export interface DataDeps {
  config: Config;
  secrets: Pick<Secrets, 'encryptionKeys'>;
  clock: Clock;
}

const embeddedFile = ({ storage }: Config): string | undefined =>
  storage.database_url.startsWith('file:') ? storage.database_url.slice('file:'.length) : undefined;

function locationOf(config: Config): DatabaseLocation {
  const file = embeddedFile(config);
  return file === undefined ? { url: config.storage.database_url } : { file };
}

/** Opens a database for one piece of work, whose driver's errors leave as errors of the catalogue. */
async function withDatabase<T>(
  location: DatabaseLocation,
  use: (engine: SqlEngine) => Promise<T>,
): Promise<T> {
  const engine = await openDatabase(location);
  try {
    return await use(engine);
  } catch (error) {
    throw asBridgeError(error, engine.isAway);
  } finally {
    await engine.close().catch(() => {});
  }
}

/** The keys that a transaction sees, to be looked at only. */
function keysIn(trx: Database): KeyStore {
  const { loadKeys, loadChecks } = createKeyStore(
    trx,
    createAuditedChange(trx, () => ''),
  );
  return { loadKeys, loadChecks, addKey: async () => false, resealKeys: async () => {} };
}

/** Appends a record to the chain of changes under the database's own audit key. Throws `StartRefused` without it. */
async function appendRecord(
  trx: DatabaseTransaction,
  deps: DataDeps,
  record: Omit<AuditRecord, 'atMs' | 'event'> & { event: AuditEventName },
): Promise<void> {
  const store = keysIn(trx);
  if (!(await store.loadKeys()).some(({ purpose }) => purpose === 'audit')) {
    throw new StartRefused('The database holds no keys: it was never served, so there is nothing to move.');
  }
  const keyring = await openKeyring({
    store,
    clock: deps.clock,
    encryptionKeys: deps.secrets.encryptionKeys,
    hasCustomers: async () => false,
  });
  const link = createAuditLink(keyring.current('audit').key);
  await appendToChain(trx, link, {
    chain: CHANGES_CHAIN,
    records: [{ atMs: deps.clock.nowMs(), ...record }],
  });
}

/** Throws `StartRefused` when the tables are not those of this version. */
async function checkTables(db: Database): Promise<void> {
  const { due, newer } = await readMigrationState(db);
  if (due.length === 0 && newer.length === 0) return;
  throw new StartRefused(
    'The tables of this database are not those of this version. Use the version that serves it, or run: symbolon migrate',
  );
}

const BY_OPERATOR = { outcome: 'success', actor: 'admin' } as const;

export interface MigrateRequest {
  /** Also runs what takes away. */
  contract: boolean;
  /** `read` only looks, `try` runs the steps and takes them back, `run` runs them. */
  mode: 'read' | 'try' | 'run';
}

/** Brings the tables to this version; how they stood before, and the steps that were run or tried. */
export function migrateDatabase(
  config: Config,
  { contract, mode }: MigrateRequest,
): Promise<{ before: MigrationState; ran: string[] }> {
  return withDatabase(locationOf(config), async ({ migrationDb }) => {
    const before = await readMigrationState(migrationDb);
    if (mode === 'read') return { before, ran: [] };
    if (mode === 'try') return { before, ran: await tryMigration(migrationDb, { contract }) };
    await migrateTables(migrationDb, { contract });
    return { before, ran: [...before.due, ...(contract ? before.waiting : [])].sort() };
  });
}

/** Copies the embedded database into a new file; its size in bytes. Throws `StartRefused` for PostgreSQL. */
export async function backupDatabase(deps: DataDeps, target: string): Promise<number> {
  const file = embeddedFile(deps.config);
  if (file === undefined) {
    throw new StartRefused(
      'This installation uses PostgreSQL: back it up with pg_dump, or move it with export.',
    );
  }
  const { backupSqlite, reserveBackup } = await import('../stores/sql/sqlite-backup.ts');
  reserveBackup(target);
  try {
    await withDatabase({ file }, async ({ db }) => {
      await checkTables(db);
      await db
        .transaction()
        .execute((trx) => appendRecord(trx, deps, { ...BY_OPERATOR, event: 'data.backed_up' }));
    });
  } catch (error) {
    rmSync(target, { force: true });
    throw error;
  }
  return backupSqlite(file, target);
}

export interface ExportRequest {
  lastingOnly: boolean;
  writeLine: (line: string) => Promise<void>;
  onProgress?: OnProgress;
}

/** Writes everything that the database holds at one moment, the record of this export included. */
export async function exportDatabase(deps: DataDeps, request: ExportRequest): Promise<Moved> {
  const location = locationOf(deps.config);
  const records = request.lastingOnly ? 'lasting' : 'all';
  await withDatabase(location, async ({ db }) => {
    await checkTables(db);
    await db
      .transaction()
      .execute((trx) =>
        appendRecord(trx, deps, { ...BY_OPERATOR, event: 'data.exported', details: { records } }),
      );
  });
  // Read only: a writing transaction would keep the running service out of the embedded database.
  return withDatabase('file' in location ? { ...location, readOnly: true } : location, ({ migrationDb }) =>
    writeMove(migrationDb, request.writeLine, { ...request, nowMs: deps.clock.nowMs() }),
  );
}

/** Sessions and used-up ids are looked for in Redis where there is one. */
async function fillRedis(trx: DatabaseTransaction, deps: DataDeps): Promise<void> {
  const { redis_url: url } = deps.config.storage;
  if (url === undefined) return;
  const [{ createRedis }, { takeOverIntoRedis }, { readExpiring }] = await Promise.all([
    import('../stores/redis.ts'),
    import('../stores/redis-take-over.ts'),
    import('../stores/sql/expiring-rows.ts'),
  ]);
  const redis = await createRedis({ url, onError: () => {} });
  try {
    await takeOverIntoRedis(redis, readExpiring(trx), deps.clock.nowMs());
  } finally {
    await redis.close();
  }
}

/**
 * Puts an export into the configured database, which must be empty: all of it or nothing, in one transaction. Throws
 * `StartRefused` when it is not empty, the file is not whole, or the key-encryption key of the source is not configured.
 */
export async function importDatabase(
  deps: DataDeps,
  lines: AsyncIterable<string>,
  onProgress?: OnProgress,
): Promise<Moved> {
  const opened: Closer[] = [];
  try {
    await lockDatabase(deps.config, { opened, onError: () => {} });
    return await withDatabase(locationOf(deps.config), async ({ migrationDb }) => {
      await migrateTables(migrationDb);
      return readMove(migrationDb, lines, {
        ...(onProgress && { onProgress }),
        beforeCommit: async (trx, { rows }) => {
          await appendRecord(trx, deps, { ...BY_OPERATOR, event: 'data.imported', details: { rows } });
          await fillRedis(trx, deps);
        },
      });
    });
  } finally {
    await closeAll(opened);
  }
}
