import type { LinkAuditRecord } from '../audit/audit-record.ts';
import { dirname } from 'node:path';
import type { Config } from '../config/config.ts';
import { dataDirRefused } from '../config/secrets.ts';
import { BridgeError, StartRefused } from '../errors.ts';
import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import { acquireExclusiveLock } from '../stores/exclusive-lock.ts';
import { openSqlStores, type SqlStores } from '../stores/sql/sql-stores.ts';

const UNWRITABLE = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST']);

/** Undoes one opening; run in reverse order. */
export type Closer = () => Promise<void> | void;

/** Undoes openings in reverse order: every one of them, also when one fails. Throws the first failure. */
export async function closeAll(opened: readonly Closer[]): Promise<void> {
  const failures: unknown[] = [];
  for (const close of opened.toReversed()) {
    try {
      await close();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}

/**
 * Opens the database under the process lock; the audit link is bound once the keyring is open. Throws `StartRefused`
 * when the database cannot be used or belongs to another process.
 */
export async function openStores(...settings: Parameters<typeof openLocked>): Promise<SqlStores> {
  try {
    return await openLocked(...settings);
  } catch (error) {
    if (!(error instanceof BridgeError)) throw error;
    const { code } = (error.cause ?? {}) as { code?: unknown };
    const [{ data_dir, storage }] = settings;
    const inDataDir = dirname(storage.database_url) === `file:${data_dir}`;
    if (inDataDir && UNWRITABLE.has(String(code))) throw dataDirRefused(data_dir);
    throw new StartRefused(
      `The database cannot be reached or opened${typeof code === 'string' ? ` (${code})` : ''}. Check storage.database_url (DATABASE_URL), and that the database runs and takes these credentials.`,
    );
  }
}

/** Who is told what about the lock, and what lets go of it. */
export interface LockDeps {
  opened: Closer[];
  onError: (error: unknown) => void;
  /** Another process took the lock while its connection was lost. Default: nobody is told. */
  onLost?: () => void;
}

/**
 * Keeps a second process out where one must be alone: on the embedded database, and on PostgreSQL without Redis, where
 * it is kept out itself by those that share Redis. Throws `StartRefused` when there is one.
 */
export async function lockDatabase({ storage }: Config, deps: LockDeps): Promise<void> {
  const { opened, onError, onLost = () => {} } = deps;
  const url = storage.database_url;
  const file = url.startsWith('file:') ? url.slice('file:'.length) : undefined;
  if (file === ':memory:') return;
  if (file !== undefined) {
    const lock = acquireExclusiveLock(`${file}.lock`);
    if (!lock) {
      throw new StartRefused(
        `Another process uses the database ${file}. Stop it, or use PostgreSQL and Redis to run several processes.`,
      );
    }
    opened.push(() => lock.release());
  } else {
    const alone = storage.redis_url === undefined;
    const { acquirePostgresLock } = await import('../stores/sql/postgres-lock.ts');
    const mode = alone ? 'exclusive' : 'shared';
    const lock = await acquirePostgresLock(url, { mode, onError, onLost });
    if (!lock) {
      throw new StartRefused(
        alone
          ? 'Another process uses this database, and several processes need Redis to share sessions and counters. Set storage.redis_url (REDIS_URL), or stop the other process.'
          : 'A process without Redis uses this database, and several processes need Redis to share sessions and counters. Stop it, and set storage.redis_url (REDIS_URL) for every process.',
      );
    }
    opened.push(() => lock.release());
  }
}

async function openLocked(
  config: Config,
  deps: { clock: Clock; linkAudit: LinkAuditRecord; logger: Logger; onLost?: (() => void) | undefined },
  opened: Closer[],
): Promise<SqlStores> {
  const url = config.storage.database_url;
  const onError = (error: unknown) => deps.logger.unexpected('store.connection_failed', error);
  const onLost = () => {
    deps.logger.log('error', { event: 'store.lock_lost' });
    deps.onLost?.();
  };
  const locked = { opened, onError, onLost };
  if (!url.startsWith('file:')) {
    const stores = await openSqlStores({ url, ...deps, onError });
    opened.push(() => stores.close());
    await lockDatabase(config, locked);
    return stores;
  }
  await lockDatabase(config, locked);
  const stores = await openSqlStores({ file: url.slice('file:'.length), ...deps });
  opened.push(() => stores.close());
  return stores;
}
