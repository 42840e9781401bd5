import { asBridgeError } from './shield.ts';
import type { SqlEngine } from './sql-engine.ts';
import { openSqliteEngine } from './sqlite-engine.ts';

/** Where a database is. */
export type DatabaseLocation =
  | {
      /** Path of the SQLite file, made with its directory if missing; `:memory:` for one that ends with `close`. */
      file: string;
      /** Makes and writes nothing. Default: false. */
      readOnly?: boolean;
    }
  | {
      /** `postgres://…` with everything that libpq's address takes, `sslmode` among it. */
      url: string;
      /** Connections of this process at most. Default 10. */
      maxConnections?: number;
    };

/**
 * Opens a database as it is. Throws `BridgeError('STORE_UNAVAILABLE')` when it cannot be opened, `StartRefused` when its
 * address cannot be read. `onError` is told of errors on idle connections, which belong to no call.
 */
export async function openDatabase(
  location: DatabaseLocation,
  onError: (error: unknown) => void = () => {},
): Promise<SqlEngine> {
  try {
    if ('file' in location) return await openSqliteEngine(location.file, location);
    const { openPostgresEngine } = await import('./postgres-engine.ts');
    return openPostgresEngine({ ...location, onError });
  } catch (error) {
    throw asBridgeError(error, (cause) => !(cause instanceof TypeError));
  }
}
