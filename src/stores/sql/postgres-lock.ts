import { Client } from 'pg';
import { BridgeError } from '../../errors.ts';
import type { ExclusiveLock } from '../exclusive-lock.ts';

/** Names our lock among the advisory locks of a database: the bytes of "symb". */
const LOCK_ID = 0x73_79_6d_62;
const CONNECT_TIMEOUT_MS = 3_000;

/**
 * Takes a lock that lasts as long as its connection, or gives `undefined` at once when another process holds it. For
 * installations whose counters and sessions live in one process: a second one would not see them.
 * Throws `BridgeError('STORE_UNAVAILABLE')` when the database cannot be reached.
 */
export async function acquirePostgresLock(
  url: string,
  onError: (error: unknown) => void,
): Promise<ExclusiveLock | undefined> {
  const client = new Client({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    application_name: 'symbolon lock',
  });
  client.on('error', onError);
  let held = false;
  try {
    await client.connect();
    const { rows } = await client.query<{ held: boolean }>('select pg_try_advisory_lock($1) as held', [
      LOCK_ID,
    ]);
    held = rows[0]?.held === true;
  } catch (cause) {
    await client.end().catch(() => {});
    throw new BridgeError('STORE_UNAVAILABLE', { cause });
  }
  const release = () => void client.end().catch(() => {});
  if (held) return { release };
  release();
  return undefined;
}
