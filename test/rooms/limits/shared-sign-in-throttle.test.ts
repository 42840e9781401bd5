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
  maxUnderWayPerAddress: 1_000,
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

    it('forgets nothing when nobody could tell', async () => {
      const [one] = processes();
      for (let i = 0; i < 7; i++) await tried(one, 'failed');
      expect(await tried(one, 'undecided')).toBe('undecided');
      expect(await tried(one, 'failed')).toBe('failed');
      expect(await tried(one, 'failed')).toBe('RATE_LIMITED');
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

    it('tells which limit is used up and how long to wait, and nothing of the attempt', async () => {
      const [one] = processes({ maxFailuresPerAddress: 9 });
      const refusalOf = (account: string, address: string) =>
        one.guard(account, address, guesser('passed').attempt).then(
          () => undefined,
          (reason: unknown) => reason as BridgeError,
        );
      for (let i = 0; i < 8; i++) await tried(one, 'failed');
      const account = await refusalOf('mira', '192.0.2.1');
      expect(account?.details).toEqual({ policy: 'sign-in-account', quota: 8, window_seconds: 900 });
      expect(account?.retryAfterSeconds).toBeGreaterThan(890);
      expect(await tried(one, 'failed', 'other')).toBe('failed');
      const address = await refusalOf('third', '192.0.2.1');
      expect(address?.details).toEqual({ policy: 'sign-in-address', quota: 9, window_seconds: 60 });
      expect(address?.retryAfterSeconds).toBeLessThanOrEqual(60);
    });

    it('takes nothing of the address from an attempt that the account refused, nor the other way round', async () => {
      const [one] = processes({ maxFailuresPerAddress: 9 });
      for (let i = 0; i < 8; i++) await tried(one, 'failed');
      for (let i = 0; i < 20; i++) expect(await tried(one, 'failed')).toBe('RATE_LIMITED');
      expect(await tried(one, 'failed', 'other')).toBe('failed');
      for (let i = 0; i < 20; i++) expect(await tried(one, 'failed', 'third')).toBe('RATE_LIMITED');
      for (let i = 0; i < 8; i++)
        expect(await tried(one, 'failed', 'third', `198.51.100.${i}`)).toBe('failed');
      expect(await tried(one, 'failed', 'third', '198.51.100.9')).toBe('RATE_LIMITED');
    });

    it('gives its place back when the attempt breaks', async () => {
      const [one] = processes({ maxFailuresPerAccount: 1 });
      for (let i = 0; i < 3; i++) {
        const broken = one.guard('mira', '192.0.2.1', () => Promise.reject(new TypeError('a defect')));
        await expect(broken).rejects.toThrow('a defect');
      }
      expect(await tried(one, 'failed')).toBe('failed');
      expect(await tried(one, 'passed')).toBe('RATE_LIMITED');
    });

    it('lets few attempts of one account be under way at once, and turns away more than may wait', async () => {
      const [one] = processes({ maxFailuresPerAccount: 8 });
      const under: (() => void)[] = [];
      let most = 0;
      const attempt = () =>
        new Promise<Attempt>((resolve) => {
          under.push(() => resolve({ verdict: 'passed' }));
          most = Math.max(most, under.length);
        });
      // Each from a network of its own: what holds them up is the account alone.
      const all = Array.from({ length: 300 }, (_, i) =>
        one.guard('mira', `10.0.${i >> 8}.${i & 255}`, attempt).then(
          ({ verdict }) => verdict,
          (reason: unknown) => (reason as BridgeError).code,
        ),
      );
      const other = one.guard('noor', '192.0.2.1', guesser('passed').attempt);
      expect(await other).toEqual({ verdict: 'passed' });
      const state = { done: false };
      const results = Promise.all(all).finally(() => {
        state.done = true;
      });
      for (let turns = 0; !state.done && turns < 200_000; turns++) {
        under.shift()?.();
        await new Promise((resolve) => setImmediate(resolve));
      }
      const outcomes = await results;
      expect(outcomes.filter((outcome) => outcome === 'SIGN_IN_BUSY')).toHaveLength(300 - 256 - 2);
      expect(outcomes.filter((outcome) => outcome === 'passed')).toHaveLength(258);
      expect(most).toBe(2);
    });

    it('keeps no account name in Redis, and no key for ever', async () => {
      const [one] = processes();
      await tried(one, 'failed', 'mira@example.com');
      const { client } = connections[0] as RedisConnection;
      const keys = await client.keys('*');
      expect(keys).toHaveLength(3);
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
