import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/platform/clock.ts';
import type { ReplayStore } from '../../src/replay/replay.ts';
import { createRedis, type RedisConnection } from '../../src/stores/redis.ts';
import { createRedisReplayStore } from '../../src/stores/redis-replay-store.ts';
import { redisMissing, type RedisServer, startRedis } from '../support/redis.ts';
import { replaySuite } from './replay.suite.ts';

const missing = redisMissing();

describe.skipIf(missing !== undefined)(`Redis${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let server: RedisServer;
  const connections: RedisConnection[] = [];
  let store: ReplayStore;
  const open = async () => {
    const connection = await createRedis({ url: server.url, onError: () => {} });
    connections.push(connection);
    return createRedisReplayStore(connection, systemClock);
  };
  beforeAll(async () => {
    server = await startRedis();
    store = await open();
  });
  afterAll(async () => {
    for (const connection of connections) await connection.close();
    await server?.stop();
  });

  replaySuite({ store: () => store, nowMs: () => systemClock.nowMs() });

  it('remembers for every process that uses the same Redis', async () => {
    await store.consume('signature-v1', 'd', systemClock.nowMs() + 600_000);
    const other = await open();
    expect(await other.consume('signature-v1', 'd', systemClock.nowMs() + 600_000)).toBe('replayed');
    expect(await other.consume('signature-v1', 'e', systemClock.nowMs() + 600_000)).toBe('fresh');
  });

  it('lets Redis forget an id when its time is over', async () => {
    await store.consume('signature-v1', 'timed', systemClock.nowMs() + 600_000);
    const { client } = connections[0] as RedisConnection;
    const ttlMs = await client.pTTL('symbolon:replay:signature-v1:timed');
    expect(ttlMs).toBeGreaterThan(590_000);
    expect(ttlMs).toBeLessThanOrEqual(600_000);
  });

  it('says STORE_UNAVAILABLE when Redis is gone: nobody can tell whether it was used', async () => {
    await server.kill();
    await expect(store.consume('signature-v1', 'f', systemClock.nowMs() + 1_000)).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
    });
  });
});
