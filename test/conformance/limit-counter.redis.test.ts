import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRedis, type RedisConnection } from '../../src/stores/redis.ts';
import { createRedisLimitCounter } from '../../src/stores/redis-limits.ts';
import { createTestClock } from '../support/clock.ts';
import { redisMissing, type RedisServer, startRedis } from '../support/redis.ts';
import { limitCounterSuite } from './limit-counter.suite.ts';
import { inParallel } from './store-fixture.ts';

const missing = redisMissing();

describe.skipIf(missing !== undefined)(
  `limits counted in Redis${missing ? ` (skipped: ${missing})` : ''}`,
  () => {
    let server: RedisServer;
    let redis: RedisConnection;
    let opened = 0;
    beforeAll(async () => {
      server = await startRedis();
      redis = await createRedis({ url: server.url, onError: () => {} });
    });
    afterAll(async () => {
      await redis?.close();
      await server?.stop();
    });
    const fresh = () => `test:${opened++}:`;
    const windows = [{ quota: 3, windowMs: 60_000 }];

    limitCounterSuite({
      open: (clock) => createRedisLimitCounter({ client: redis.client, clock, prefix: fresh() }),
    });

    it('admits a quota once for two processes, however many ask at once', async () => {
      const second = await createRedis({ url: server.url, onError: () => {} });
      const prefix = fresh();
      const counters = [redis, second].map(({ client }) => createRedisLimitCounter({ client, prefix }));
      const results = await inParallel(200, async (i) =>
        counters[i % 2]?.count([{ kind: 'key', id: 'a', windows }]),
      );
      expect(results.filter((result) => result?.admitted)).toHaveLength(3);
      await second.close();
    });

    it('takes the time from the server, so processes whose clocks differ agree on the end of a window', async () => {
      const prefix = fresh();
      const counters = [1, 2].map(() => createRedisLimitCounter({ client: redis.client, prefix }));
      for (let i = 0; i < 3; i++) await counters[0]?.count([{ kind: 'key', id: 'a', windows }]);
      const refused = await counters[1]?.count([{ kind: 'key', id: 'a', windows }]);
      expect(refused?.admitted).toBe(false);
      expect(refused?.windows[0]?.endsInMs).toBeGreaterThan(50_000);
      expect(refused?.windows[0]?.endsInMs).toBeLessThanOrEqual(60_000);
    });

    it('never makes anybody wait longer than a window when the clock was set back', async () => {
      const clock = createTestClock();
      const counter = createRedisLimitCounter({ client: redis.client, clock, prefix: fresh() });
      for (let i = 0; i < 3; i++) await counter.count([{ kind: 'key', id: 'a', windows }]);
      clock.jump(-3_600_000);
      const refused = await counter.count([{ kind: 'key', id: 'a', windows }]);
      expect(refused).toEqual({ admitted: false, windows: [{ left: 0, endsInMs: 60_000 }] });
    });

    it('leaves no key that lives for ever', async () => {
      const prefix = fresh();
      const counter = createRedisLimitCounter({ client: redis.client, prefix });
      const day = { quota: 10, windowMs: 86_400_000 };
      await counter.count([{ kind: 'key', id: 'a', windows: [...windows, day] }]);
      await counter.count([{ kind: 'failures', id: '192.0.2.1', windows, mode: 'look' }]);
      await counter.count([{ kind: 'key', id: 'a', windows }]);
      const keys = await redis.client.keys(`${prefix}*`);
      expect(keys).toEqual([`${prefix}key:a`]);
      const lifeMs = await redis.client.pTTL(`${prefix}key:a`);
      expect(lifeMs).toBeGreaterThan(86_000_000);
      expect(lifeMs).toBeLessThanOrEqual(86_401_000);
    });

    it('goes on after the server forgot the script', async () => {
      const counter = createRedisLimitCounter({ client: redis.client, prefix: fresh() });
      await counter.count([{ kind: 'key', id: 'a', windows }]);
      await redis.client.scriptFlush();
      expect((await counter.count([{ kind: 'key', id: 'a', windows }])).windows[0]?.left).toBe(1);
    });
  },
);
