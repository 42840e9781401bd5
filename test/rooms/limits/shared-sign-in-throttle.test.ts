import { createSecretKey } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BridgeError } from '../../../src/errors.ts';
import { createSharedSignInThrottle } from '../../../src/limits/shared-sign-in-throttle.ts';
import {
  type Attempt,
  createSignInThrottle,
  type SignInThrottle,
  type SignInThrottleOptions,
} from '../../../src/limits/sign-in-throttle.ts';
import { createRedis, type RedisConnection } from '../../../src/stores/redis.ts';
import { redisMissing, type RedisServer, startRedis } from '../../support/redis.ts';

const missing = redisMissing();
const key = createSecretKey(Buffer.alloc(32, 3));
const LIMITS = {
  maxFailuresPerAccount: 8,
  windowSeconds: 900,
  maxFailuresPerAddress: 1_000,
  addressWindowSeconds: 60,
};
type Verdict = Attempt['verdict'];

/** Counts the attempts that were really made. */
function guesser(verdict: Verdict) {
  const made = { count: 0 };
  const attempt = async (): Promise<Attempt> => {
    made.count += 1;
    await new Promise((resolve) => setImmediate(resolve));
    return { verdict };
  };
  return { made, attempt };
}

async function tried(by: SignInThrottle, verdict: Verdict, account = 'mira', address = '192.0.2.1') {
  try {
    return (await by.guard(account, address, guesser(verdict).attempt)).verdict;
  } catch (error) {
    return (error as BridgeError).code;
  }
}

describe.skipIf(missing !== undefined)(
  `the sign-in throttle of several processes${missing ? ` (skipped: ${missing})` : ''}`,
  () => {
    let server: RedisServer;
    let connections: RedisConnection[];
    beforeAll(async () => {
      server = await startRedis();
      const open = () => createRedis({ url: server.url, onError: () => {} });
      connections = [await open(), await open()];
    });
    afterAll(async () => {
      await Promise.all(connections.map((connection) => connection.close()));
      await server.stop();
    });
    beforeEach(async () => {
      await connections[0]?.client.flushAll();
    });

    const processes = (changes: Partial<SignInThrottleOptions> = {}): [SignInThrottle, SignInThrottle] => {
      const options = { ...LIMITS, ...changes };
      const fallback = createSignInThrottle({ ...options, maxFailuresPerAccount: 2 }, key);
      const [one, two] = connections.map(({ client }) =>
        createSharedSignInThrottle(options, { redis: client, key, fallback }),
      );
      return [one as SignInThrottle, two as SignInThrottle];
    };

    it('lets 200 parallel guesses at two processes make exactly as many tries as there are failures', async () => {
      const throttles = processes();
      const { made, attempt } = guesser('failed');
      const results = await Promise.allSettled(
        Array.from({ length: 200 }, (_, i) =>
          throttles[i % 2 === 0 ? 0 : 1].guard('mira', '192.0.2.1', attempt),
        ),
      );
      expect(made.count).toBe(8);
      const refusals = results.filter((result) => result.status === 'rejected');
      expect(refusals).toHaveLength(192);
      expect(refusals.every(({ reason }) => (reason as BridgeError).code === 'RATE_LIMITED')).toBe(true);
    });

    it('holds the limit of an address over many accounts, also for parallel guesses', async () => {
      const throttles = processes({ maxFailuresPerAddress: 10 });
      const { made, attempt } = guesser('failed');
      await Promise.allSettled(
        Array.from({ length: 100 }, (_, i) =>
          throttles[i % 2 === 0 ? 0 : 1].guard(`name-${i}`, '192.0.2.1', attempt),
        ),
      );
      expect(made.count).toBe(10);
    });

    it('gives the right password the same answer as a wrong one while the account is throttled, at every process', async () => {
      const [one, two] = processes();
      for (let i = 0; i < 8; i++) expect(await tried(one, 'failed')).toBe('failed');
      expect(await tried(two, 'passed')).toBe('RATE_LIMITED');
      expect(await tried(two, 'failed')).toBe('RATE_LIMITED');
      expect(await tried(two, 'passed', 'other')).toBe('passed');
    });

    it('lets 100 honest parallel sign-ins of one account at two processes all succeed', async () => {
      const throttles = processes();
      const verdicts = await Promise.all(
        Array.from({ length: 100 }, (_, i) => tried(throttles[i % 2 === 0 ? 0 : 1], 'passed')),
      );
      expect(new Set(verdicts)).toEqual(new Set(['passed']));
    });

    it('forgets the failures of an account that signed in, and never those of the address', async () => {
      const [one, two] = processes({ maxFailuresPerAddress: 9 });
      for (let i = 0; i < 7; i++) await tried(one, 'failed');
      expect(await tried(two, 'passed')).toBe('passed');
      for (let i = 0; i < 2; i++) expect(await tried(two, 'failed')).toBe('failed');
      expect(await tried(two, 'failed')).toBe('RATE_LIMITED');
      expect(await tried(two, 'passed', 'mira', '192.0.2.2')).toBe('passed');
    });

    it('counts nothing when nobody could tell', async () => {
      const [one, two] = processes();
      for (let i = 0; i < 30; i++)
        expect(await tried(i % 2 === 0 ? one : two, 'undecided')).toBe('undecided');
      for (let i = 0; i < 8; i++) expect(await tried(one, 'failed')).toBe('failed');
      expect(await tried(two, 'failed')).toBe('RATE_LIMITED');
    });

    it('counts a whole /64 as one address, and tells how long to wait', async () => {
      const [one, two] = processes({ maxFailuresPerAddress: 3 });
      for (let i = 0; i < 3; i++) await tried(one, 'failed', `name-${i}`, `2001:db8:1:2::${i + 1}`);
      const refusal = two.guard('mira', '2001:db8:1:2:ffff::1', guesser('passed').attempt);
      const error = await refusal.then(
        () => undefined,
        (reason: unknown) => reason as BridgeError,
      );
      expect(error?.code).toBe('RATE_LIMITED');
      expect(error?.retryAfterSeconds).toBeGreaterThan(50);
      expect(error?.retryAfterSeconds).toBeLessThanOrEqual(60);
    });

    it('keeps no account name in Redis, and no key for ever', async () => {
      const [one] = processes();
      await tried(one, 'failed', 'mira@example.com');
      const { client } = connections[0] as RedisConnection;
      const keys = await client.keys('*');
      expect(keys).toHaveLength(2);
      expect(keys.join(' ')).not.toContain('mira');
      for (const name of keys) expect(await client.pTTL(name)).toBeGreaterThan(0);
    });

    it('goes on with smaller limits of its own while Redis is away, without waiting for it', async () => {
      const [one] = processes();
      await server.kill();
      try {
        const start = performance.now();
        expect(await tried(one, 'failed')).toBe('failed');
        expect(await tried(one, 'failed')).toBe('failed');
        expect(await tried(one, 'failed')).toBe('RATE_LIMITED');
        expect(performance.now() - start).toBeLessThan(1_500);
      } finally {
        await server.start();
      }
    });
  },
);
