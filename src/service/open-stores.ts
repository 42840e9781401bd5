import type { LinkAuditRecord } from '../audit/audit-record.ts';
import type { Config } from '../config/config.ts';
import { StartRefused } from '../errors.ts';
import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import { acquireExclusiveLock } from '../stores/exclusive-lock.ts';
import { openSqlStores, type SqlStores } from '../stores/sql/sql-stores.ts';

/** Undoes one opening; run in reverse order. */
export type Closer = () => Promise<void> | void;

/** Opens the database under the process lock; the audit link is bound once the keyring is open. */
export async function openStores(
  config: Config,
  deps: { clock: Clock; linkAudit: LinkAuditRecord; logger: Logger },
  opened: Closer[],
): Promise<SqlStores> {
  const url = config.storage.database_url;
  if (!url.startsWith('file:')) {
    const stores = await openSqlStores({
      url,
      ...deps,
      onError: (error) => deps.logger.unexpected('store.connection_failed', error),
    });
    opened.push(() => stores.close());
    return stores;
  }
  const file = url.slice('file:'.length);
  if (file !== ':memory:') {
    const lock = acquireExclusiveLock(`${file}.lock`);
    if (!lock) {
      throw new StartRefused(
        `Another process uses the database ${file}. Stop it, or use PostgreSQL and Redis to run several processes.`,
      );
    }
    opened.push(() => lock.release());
  }
  const stores = await openSqlStores({ file, ...deps });
  opened.push(() => stores.close());
  return stores;
}
