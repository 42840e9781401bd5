import { Client } from 'pg';
import { BridgeError } from '../../errors.ts';
import type { ExclusiveLock } from '../exclusive-lock.ts';

/** Names our lock among the advisory locks of a database: the bytes of "symb". */
const LOCK_ID = 0x73_79_6d_62;
/** PostgreSQL manual, "Advisory Lock Functions": of one lock, the two ways keep each other out. */
const TAKE = {
  exclusive: 'select pg_try_advisory_lock($1) as held',
  shared: 'select pg_try_advisory_lock_shared($1) as held',
} as const;
const CONNECT_TIMEOUT_MS = 3_000;
const QUERY_TIMEOUT_MS = 2_000;
/** The connection that carries the lock is asked this often whether it still stands. */
const BEAT_MS = 2_000;
/** A lost lock is asked for again after this long, until it is had or somebody else has it. */
const RETRY_MS = 500;

export interface PostgresLockOptions {
  /** `exclusive`: nobody else may hold it. `shared`: others may share it, but nobody may have it alone. */
  mode: 'exclusive' | 'shared';
  /** Told when the connection breaks. */
  onError: (error: unknown) => void;
  /** Told when another process took the lock in a way that keeps us out while ours was lost: this process must end. */
  onLost: () => void;
}

/** A connection that holds the lock, or `undefined` when another one keeps us out. Throws what the driver throws. */
async function connectAndLock(
  url: string,
  mode: PostgresLockOptions['mode'],
  onBroken: (client: Client, error: unknown) => void,
): Promise<Client | undefined> {
  const client = new Client({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: QUERY_TIMEOUT_MS,
    keepAlive: true,
    application_name: 'symbolon lock',
  });
  client.on('error', (error) => onBroken(client, error));
  client.on('end', () => onBroken(client, new Error('the database closed the connection of the lock')));
  try {
    await client.connect();
    const { rows } = await client.query<{ held: boolean }>(TAKE[mode], [LOCK_ID]);
    if (rows[0]?.held === true) return client;
  } catch (error) {
    void client.end().catch(() => {});
    throw error;
  }
  await client.end().catch(() => {});
  return undefined;
}

/**
 * Takes a lock that lasts as long as its connection, or gives `undefined` at once when another process keeps us out. A
 * process whose counters and sessions live in itself takes it alone: any other, also one of many that share them, would
 * not see them. When the connection is lost the lock is taken again as soon as the database answers; when a process that
 * keeps us out was faster, `onLost` is told.
 * Throws `BridgeError('STORE_UNAVAILABLE')` when the database cannot be reached.
 */
export async function acquirePostgresLock(
  url: string,
  { mode, onError, onLost }: PostgresLockOptions,
): Promise<ExclusiveLock | undefined> {
  let held: Client | undefined;
  let released = false;
  let retry: NodeJS.Timeout | undefined;

  const onBroken = (client: Client, error: unknown) => {
    // A connection that is being opened tells whoever opens it; one that was replaced concerns nobody.
    if (released || client !== held) return;
    held = undefined;
    onError(error);
    void client.end().catch(() => {});
    regainLater();
  };
  const regain = async (): Promise<void> => {
    const client = await connectAndLock(url, mode, onBroken).catch(() => null);
    if (released) return void client?.end().catch(() => {});
    // The database is still away: whoever wants the lock cannot have it either.
    if (client === null) return regainLater();
    if (client === undefined) return onLost();
    held = client;
  };
  const regainLater = () => {
    retry = setTimeout(() => void regain(), RETRY_MS);
  };

  try {
    held = await connectAndLock(url, mode, onBroken);
  } catch (cause) {
    throw new BridgeError('STORE_UNAVAILABLE', { cause });
  }
  if (!held) return undefined;
  const beat = setInterval(() => {
    const client = held;
    client?.query('select 1').catch((error: unknown) => onBroken(client, error));
  }, BEAT_MS);
  beat.unref();
  return {
    release() {
      released = true;
      clearInterval(beat);
      clearTimeout(retry);
      void held?.end().catch(() => {});
    },
  };
}
