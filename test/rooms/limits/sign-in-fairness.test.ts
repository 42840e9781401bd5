import { createSecretKey } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { BridgeError } from '../../../src/errors.ts';
import { createSharedSignInThrottle } from '../../../src/limits/shared-sign-in-throttle.ts';
import {
  type Attempt,
  createSignInThrottle,
  type SignInThrottle,
  type SignInThrottleOptions,
  type SpelledAccount,
} from '../../../src/limits/sign-in-throttle.ts';
import { createRedis, type RedisConnection } from '../../../src/stores/redis.ts';
import { redisMissing, type RedisServer, startRedis } from '../../support/redis.ts';

const key = createSecretKey(Buffer.alloc(32, 3));
const LIMITS: SignInThrottleOptions = {
  maxFailuresPerAccount: 5,
  windowSeconds: 900,
  maxFailuresPerAddress: 1_000,
  addressWindowSeconds: 60,
  maxUnderWayPerAddress: 24,
};
const ATTACKER = '198.51.100.7';
const HONEST = '203.0.113.9';
const missing = redisMissing();

let server: RedisServer | undefined;
let redis: RedisConnection | undefined;
beforeAll(async () => {
  if (missing !== undefined) return;
  server = await startRedis();
  redis = await createRedis({ url: server.url, onError: () => {} });
});
afterAll(async () => {
  await redis?.close();
  await server?.stop();
});
beforeEach(async () => {
  await redis?.client.flushAll();
});

type Open = (changes?: Partial<SignInThrottleOptions>) => SignInThrottle;

const inProcess: Open = (changes) => createSignInThrottle({ ...LIMITS, ...changes }, key);
const inRedis: Open = (changes) =>
  createSharedSignInThrottle(
    { ...LIMITS, ...changes },
    { redis: (redis as RedisConnection).client, key, fallback: inProcess(changes) },
  );

async function tried(
  by: SignInThrottle,
  verdict: Attempt['verdict'],
  account: string | SpelledAccount,
  address = ATTACKER,
) {
  try {
    return (await by.guard(account, address, async () => ({ verdict }))).verdict;
  } catch (error) {
    return (error as BridgeError).code;
  }
}

/** Attempts that stay under way until `release`. */
function held() {
  const waiting: (() => void)[] = [];
  let started = 0;
  return {
    started: () => started,
    attempt: async (): Promise<Attempt> => {
      started += 1;
      await new Promise<void>((resolve) => waiting.push(resolve));
      return { verdict: 'failed' };
    },
    release: () => {
      for (const one of waiting.splice(0)) one();
    },
  };
}

const engines: [string, Open, boolean][] = [
  ['in one process', inProcess, false],
  [`counted in Redis${missing ? ` (skipped: ${missing})` : ''}`, inRedis, missing !== undefined],
];

describe.each(engines)('sign-ins of several networks, %s', (_where, open, skipped) => {
  it.skipIf(skipped)(
    'one has its few under way; further ones are refused at once, others are not',
    async () => {
      const by = open({ maxUnderWayPerAddress: 3 });
      const crowd = held();
      const under = Array.from({ length: 3 }, (_, n) => by.guard(`user-${n}`, ATTACKER, crowd.attempt));
      await vi.waitUntil(() => crowd.started() === 3, { timeout: 10_000 });
      const refused = by.guard('user-9', ATTACKER, crowd.attempt);
      await expect(refused).rejects.toMatchObject({
        code: 'RATE_LIMITED',
        retryAfterSeconds: 1,
        details: { policy: 'sign-in-under-way', quota: 3 },
      });
      expect(await tried(by, 'passed', 'mira', HONEST)).toBe('passed');
      crowd.release();
      await Promise.all(under);
      expect(await tried(by, 'failed', 'user-9')).toBe('failed');
    },
  );

  it.skipIf(skipped)('a whole /64 of IPv6 is one of them', async () => {
    const by = open({ maxUnderWayPerAddress: 1 });
    const crowd = held();
    const under = by.guard('one', '2001:db8:1:2::1', crowd.attempt);
    await vi.waitUntil(() => crowd.started() === 1, { timeout: 10_000 });
    expect(await tried(by, 'passed', 'two', '2001:db8:1:2::2')).toBe('RATE_LIMITED');
    expect(await tried(by, 'passed', 'two', '2001:db8:1:3::2')).toBe('passed');
    crowd.release();
    await under;
  });
});

describe.each(engines)('a name that is like another one, %s', (_where, open, skipped) => {
  const own = { account: 'mira', spelling: 'mıra' };
  const victim = { account: 'mira', spelling: 'mira' };

  it.skipIf(skipped)('shares the count of failures, so that no spelling buys guesses', async () => {
    const by = open();
    for (let n = 0; n < 5; n++)
      expect(await tried(by, 'failed', { account: 'mira', spelling: `${n}` })).toBe('failed');
    expect(await tried(by, 'passed', victim)).toBe('RATE_LIMITED');
  });

  it.skipIf(skipped)('wipes nothing out by a sign-in of its own', async () => {
    const by = open();
    for (let n = 0; n < 4; n++) expect(await tried(by, 'failed', victim)).toBe('failed');
    expect(await tried(by, 'passed', own)).toBe('passed');
    expect(await tried(by, 'failed', victim)).toBe('failed');
    expect(await tried(by, 'passed', victim)).toBe('RATE_LIMITED');
  });

  it.skipIf(skipped)('has its own failures forgotten when it signs in', async () => {
    const by = open();
    expect(await tried(by, 'failed', victim)).toBe('failed');
    for (let round = 0; round < 3; round++) {
      for (let n = 0; n < 3; n++) expect(await tried(by, 'failed', own)).toBe('failed');
      expect(await tried(by, 'passed', own)).toBe('passed');
    }
    for (let n = 0; n < 4; n++) expect(await tried(by, 'failed', own)).toBe('failed');
    expect(await tried(by, 'failed', own)).toBe('RATE_LIMITED');
  });
});

describe('a customer whose account is guessed at in parallel', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'], now: Date.UTC(2026, 0, 1) });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it.each(engines.filter(([, , skipped]) => !skipped))(
    'is told within two seconds, %s, and later attempts go on',
    async (_where, open) => {
      const by = open({ maxFailuresPerAccount: 4 });
      const crowd = held();
      const guesses = Array.from({ length: 8 }, (_, n) =>
        by.guard('mira', `198.51.100.${n}`, crowd.attempt).then(
          ({ verdict }) => verdict,
          (error: unknown) => (error as BridgeError).code,
        ),
      );
      await vi.waitUntil(() => crowd.started() > 0, { timeout: 10_000, interval: 0 });
      const customer = tried(by, 'passed', 'mira', HONEST);
      let told: string | undefined;
      void customer.then((answer) => (told = answer));
      await vi.advanceTimersByTimeAsync(1_990);
      expect(told).toBeUndefined();
      await vi.advanceTimersByTimeAsync(20);
      expect(await customer).toBe('SIGN_IN_BUSY');
      expect(await Promise.race([Promise.all(guesses), Promise.resolve('under way')])).toBe('under way');
      for (let n = 0; n < 8; n++) {
        crowd.release();
        await vi.advanceTimersByTimeAsync(0);
      }
      const outcomes = await Promise.all(guesses);
      expect(outcomes.filter((one) => one === 'SIGN_IN_BUSY').length).toBeGreaterThan(0);
      expect(await tried(by, 'passed', 'noor', HONEST)).toBe('passed');
    },
  );
});
