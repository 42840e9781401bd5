import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCallQueue } from '../../../src/connections/call-queue.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { systemTimer } from '../../../src/platform/timer.ts';
import { createRedis, type RedisConnection } from '../../../src/stores/redis.ts';
import { createRedisLimitCounter } from '../../../src/stores/redis-limits.ts';
import { redisMissing, type RedisServer, startRedis } from '../../support/redis.ts';

const missing = redisMissing();

describe.skipIf(missing !== undefined)(
  `outgoing calls of several processes${missing ? ` (skipped: ${missing})` : ''}`,
  () => {
    let server: RedisServer;
    let processes: RedisConnection[];
    beforeAll(async () => {
      server = await startRedis();
      const open = () => createRedis({ url: server.url, onError: () => {} });
      processes = await Promise.all([open(), open(), open()]);
    });
    afterAll(async () => {
      await Promise.all(processes.map((one) => one.close()));
      await server.stop();
    });

    it('share the limit of a partner: together they make as many calls as one could', async () => {
      const queues = processes.map(({ client }) =>
        createCallQueue(
          { name: 'partner', windows: [{ quota: 10, windowSeconds: 60 }], maxWaiting: 1_000 },
          {
            clock: systemClock,
            startTimer: systemTimer,
            sharedCounter: createRedisLimitCounter({ client }),
          },
        ),
      );
      const calls = queues.flatMap((queue) => Array.from({ length: 8 }, () => queue.enter('one', 1_000)));
      const settled = await Promise.allSettled(calls);
      expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(10);
      const reasons = settled.flatMap((one) => (one.status === 'rejected' ? [one.reason as object] : []));
      expect(reasons).toHaveLength(14);
      for (const refusal of reasons) expect(refusal).toMatchObject({ name: 'QueueRefusal', reason: 'limit' });
    });
  },
);
