import type { RedisConnection } from './redis.ts';

/** Rows of the tables that Redis keeps where there is one; times are Unix milliseconds. */
export interface ExpiringRows {
  sessions: AsyncIterable<{ idDigest: string; data: string; expiresAtMs: number }>;
  replays: AsyncIterable<{ space: string; id: string; expiresAtMs: number }>;
}

/**
 * Puts sessions and used-up ids where processes with Redis look for them, each with its own end. May run twice: what is
 * there already is written again. Throws `BridgeError('STORE_UNAVAILABLE')`. Returns how many there were.
 */
export async function takeOverIntoRedis(
  { client }: Pick<RedisConnection, 'client'>,
  rows: ExpiringRows,
  nowMs: number,
): Promise<number> {
  let taken = 0;
  const keep = async (key: string, value: string, expiresAtMs: number) => {
    if (expiresAtMs <= nowMs) return;
    await client.set(key, value, { expiration: { type: 'PXAT', value: expiresAtMs } });
    taken += 1;
  };
  // The names that session cookies and the replay store use.
  for await (const { idDigest, data, expiresAtMs } of rows.sessions) {
    await keep(`symbolon:session:${idDigest}`, data, expiresAtMs);
  }
  for await (const { space, id, expiresAtMs } of rows.replays) {
    await keep(`symbolon:replay:${space}:${id}`, '1', expiresAtMs);
  }
  return taken;
}
