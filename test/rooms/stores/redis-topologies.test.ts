import { createSecretKey } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSharedSignInThrottle } from '../../../src/limits/shared-sign-in-throttle.ts';
import { createSignInThrottle } from '../../../src/limits/sign-in-throttle.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { createRedis, type RedisConnection } from '../../../src/stores/redis.ts';
import { parseRedisAddress } from '../../../src/stores/redis-address.ts';
import { createRedisLimitCounter } from '../../../src/stores/redis-limits.ts';
import { createRedisReplayStore } from '../../../src/stores/redis-replay-store.ts';
import { createRedisTokenShare } from '../../../src/stores/redis-token-share.ts';
import { redisMissing } from '../../support/redis.ts';
import { type RedisTopology, startRedisCluster, startRedisSentinel } from '../../support/redis-topologies.ts';

const missing = redisMissing();

/** The client of the `redis` package takes longer than this to find out by itself that a server is silent. */
const SILENCE_MS = 4_000;

/** Loses the primary: no command waits longer than the deadline, and soon another one serves. */
async function loseThePrimary(servers: RedisTopology, redis: RedisConnection): Promise<void> {
  await redis.client.set('kept', 'yes');
  await servers.killPrimary();
  const startedMs = performance.now();
  let slowestMs = 0;
  const attempt = async () => {
    const beganMs = performance.now();
    const answer = await redis.client.set('after', 'yes').catch(() => 'failed');
    slowestMs = Math.max(slowestMs, performance.now() - beganMs);
    return answer;
  };
  await expect.poll(attempt, { interval: 20, timeout: 12_000 }).toBe('OK');
  expect(performance.now() - startedMs).toBeLessThan(10_000);
  expect(slowestMs).toBeLessThan(SILENCE_MS);
  expect(await redis.client.get('after')).toBe('yes');
}

/** Loses one of three that share the keys. */
async function loseOneOfThree(servers: RedisTopology, redis: RedisConnection): Promise<void> {
  await servers.killPrimary();
  const beganMs = performance.now();
  const answers = await Promise.allSettled(
    Array.from({ length: 30 }, (_, n) => redis.client.get(`key-${n}`)),
  );
  expect(performance.now() - beganMs).toBeLessThan(SILENCE_MS);
  const failed = answers.filter(({ status }) => status === 'rejected');
  expect(failed.length).toBeGreaterThan(0);
  expect(failed.length).toBeLessThan(30);
  for (const one of failed) {
    expect((one as PromiseRejectedResult).reason).toMatchObject({ code: 'STORE_UNAVAILABLE' });
  }
}

const TOPOLOGIES = [
  {
    name: 'a cluster',
    start: startRedisCluster,
    lossOf: 'fails soon for what a lost server held, and serves the rest',
    checkLoss: loseOneOfThree,
  },
  {
    name: 'a primary behind sentinels',
    start: startRedisSentinel,
    lossOf: 'goes on within ten seconds of losing its primary, and no command waits longer than the deadline',
    checkLoss: loseThePrimary,
  },
];

describe.skipIf(missing !== undefined).each(TOPOLOGIES)('$name', ({ start, lossOf, checkLoss }) => {
  let servers: RedisTopology;
  let redis: RedisConnection;
  beforeAll(async () => {
    servers = await start();
    redis = await createRedis({ url: servers.url, onError: () => {} });
  }, 60_000);
  afterAll(async () => {
    await redis.close();
    await servers.stop();
  });

  it('counts several subjects of a request in one step, exactly under concurrency', async () => {
    const counter = createRedisLimitCounter(redis);
    const windows = [{ quota: 25, windowMs: 60_000 }];
    const subjects = ['key', 'partner', 'address'].map((kind) => ({ kind, id: 'a', windows }));
    const counts = await Promise.all(Array.from({ length: 60 }, async () => counter.count(subjects)));
    expect(counts.filter(({ admitted }) => admitted)).toHaveLength(25);
  });

  it('lets an id be used once, however many try at a time', async () => {
    const replays = createRedisReplayStore(redis, systemClock);
    for (let id = 0; id < 20; id++) {
      const tries = Array.from({ length: 5 }, () =>
        replays.consume('signature-v1', `id-${id}`, systemClock.nowMs() + 60_000),
      );
      expect((await Promise.all(tries)).filter((answer) => answer === 'fresh')).toHaveLength(1);
    }
  });

  it('gives the lease on a token to one, and its token to all', async () => {
    const share = createRedisTokenShare(redis);
    const fences = await Promise.all(Array.from({ length: 5 }, () => share.acquire('crm', 5_000)));
    const fence = fences.find((one) => one !== undefined) as number;
    expect(fences.filter((one) => one !== undefined)).toHaveLength(1);
    expect(await share.publish('crm', { fence, text: 'sealed', ttlMs: 5_000 })).toBe(true);
    expect(await share.read('crm')).toBe('sealed');
  });

  it('counts failed sign-ins of an account together', async () => {
    const options = {
      maxFailuresPerAccount: 3,
      windowSeconds: 60,
      maxFailuresPerAddress: 100,
      addressWindowSeconds: 60,
      maxUnderWayPerAddress: 24,
    };
    const key = createSecretKey(Buffer.alloc(32, 1));
    const fallback = createSignInThrottle({ ...options, maxFailuresPerAccount: 1 }, key);
    const throttle = createSharedSignInThrottle(options, { redis: redis.client, key, fallback });
    const fail = () => throttle.guard('mira', '192.0.2.1', async () => ({ verdict: 'failed' as const }));
    for (let n = 0; n < 3; n++) await fail();
    await expect(fail()).rejects.toMatchObject({ code: 'RATE_LIMITED' });
  });

  it(
    `with a server lost ${lossOf}`,
    () => expect(checkLoss(servers, redis)).resolves.toBeUndefined(),
    20_000,
  );
});

describe('an address', () => {
  it.each([
    [
      'redis+cluster://a:7000,b',
      {
        kind: 'cluster',
        nodes: [
          { host: 'a', port: 7000 },
          { host: 'b', port: 6379 },
        ],
      },
    ],
    [
      'rediss+sentinel://me:p%40ss@[::1]:1,b/bridge?sentinel_password=s%2Fs',
      {
        kind: 'sentinel',
        nodes: [
          { host: '::1', port: 1 },
          { host: 'b', port: 26379 },
        ],
        primary: 'bridge',
        tls: true,
        account: { username: 'me', password: 'p@ss' },
        sentinelAccount: { password: 's/s' },
      },
    ],
    ['rediss://h', { kind: 'server', url: 'rediss://h' }],
  ])('is read: %s', (text, expected) => {
    expect(parseRedisAddress(text)).toMatchObject(expected);
  });

  it.each([
    'redis+cluster://',
    'redis+cluster://a,',
    'redis+cluster://a/0',
    'redis+cluster://a:port',
    'redis+sentinel://a',
    'redis+sentinel://a/%',
    'redis+sentinel://a/b?other=1',
    'redis+sentinel://%@a/b',
    'http://a',
    'redis//a',
  ])('is refused: %s', (text) => {
    expect(parseRedisAddress(text)).toBeUndefined();
  });
});
