import { createSecretKey } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BridgeError } from '../../../src/errors.ts';
import {
  type Attempt,
  createSignInThrottle,
  type SignInThrottle,
  type SignInThrottleOptions,
} from '../../../src/limits/sign-in-throttle.ts';

const key = createSecretKey(Buffer.alloc(32, 3));

function throttle(changes: Partial<SignInThrottleOptions> = {}): SignInThrottle {
  return createSignInThrottle(
    {
      maxFailuresPerAccount: 5,
      windowSeconds: 900,
      maxFailuresPerAddress: 1_000,
      addressWindowSeconds: 60,
      maxUnderWayPerAddress: 1_000,
      ...changes,
    },
    key,
  );
}

type Verdict = Attempt['verdict'];

/** What became of one attempt: its verdict, or the code it was turned away with. */
async function tried(by: SignInThrottle, verdict: Verdict, account = 'mira', address = '192.0.2.1') {
  try {
    return (await by.guard(account, address, async () => ({ verdict }))).verdict;
  } catch (error) {
    if (error instanceof BridgeError) return error.code;
    throw error;
  }
}

async function fail(by: SignInThrottle, times: number, account?: string, address?: string) {
  for (let n = 0; n < times; n++) expect(await tried(by, 'failed', account, address)).toBe('failed');
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'], now: Date.UTC(2026, 0, 1) });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('guesses at one account', () => {
  it('never ask for a longer wait than the window when the clock is set back, and are forgotten as its time passes', async () => {
    const by = throttle();
    await fail(by, 5);
    vi.setSystemTime(Date.now() - 86_400_000);
    await expect(by.guard('mira', '192.0.2.1', async () => ({ verdict: 'passed' }))).rejects.toMatchObject({
      code: 'RATE_LIMITED',
      retryAfterSeconds: 900,
    });
    await vi.advanceTimersByTimeAsync(900_000);
    expect(await tried(by, 'passed')).toBe('passed');
  });

  it('are turned away after the limit, the right password too, with the seconds to wait', async () => {
    const by = throttle();
    await fail(by, 5);
    expect(await tried(by, 'failed')).toBe('RATE_LIMITED');
    let asked = 0;
    const error = await by
      .guard('mira', '192.0.2.1', async () => {
        asked++;
        return { verdict: 'passed' };
      })
      .catch((cause: unknown) => cause);
    expect(error).toMatchObject({
      code: 'RATE_LIMITED',
      retryAfterSeconds: 900,
      details: { policy: 'sign-in-account', quota: 5, window_seconds: 900 },
    });
    expect(asked).toBe(0);
  });

  it('tell how much of the window is left, and which limit it is', async () => {
    const by = throttle({ maxFailuresPerAddress: 6 });
    const refusalOf = (account: string) =>
      by.guard(account, '192.0.2.1', async () => ({ verdict: 'passed' as const })).catch((e: unknown) => e);
    await fail(by, 5);
    vi.advanceTimersByTime(10_000);
    expect(await refusalOf('mira')).toMatchObject({ retryAfterSeconds: 890 });
    await fail(by, 1, 'noor');
    vi.advanceTimersByTime(20_000);
    expect(await refusalOf('noor')).toMatchObject({
      retryAfterSeconds: 30,
      details: { policy: 'sign-in-address', quota: 6, window_seconds: 60 },
    });
  });

  it('are forgotten after the window and not before', async () => {
    const by = throttle();
    await fail(by, 5);
    vi.advanceTimersByTime(899_000);
    expect(await tried(by, 'passed')).toBe('RATE_LIMITED');
    vi.advanceTimersByTime(1_000);
    expect(await tried(by, 'passed')).toBe('passed');
  });

  it('start anew after a sign-in', async () => {
    const by = throttle();
    await fail(by, 4);
    expect(await tried(by, 'passed')).toBe('passed');
    await fail(by, 5);
    expect(await tried(by, 'failed')).toBe('RATE_LIMITED');
  });

  it('count for that account alone, whether it exists or not', async () => {
    const by = throttle();
    await fail(by, 5, 'nobody-of-this-name');
    expect(await tried(by, 'failed', 'nobody-of-this-name')).toBe('RATE_LIMITED');
    expect(await tried(by, 'passed', 'mira')).toBe('passed');
  });

  it('count wherever they come from', async () => {
    const by = throttle();
    for (let n = 0; n < 5; n++) await fail(by, 1, 'mira', `192.0.2.${n}`);
    expect(await tried(by, 'passed', 'mira', '198.51.100.9')).toBe('RATE_LIMITED');
  });

  it('do not count while nobody can tell whether they are right', async () => {
    const by = throttle();
    for (let n = 0; n < 50; n++) expect(await tried(by, 'undecided')).toBe('undecided');
    await fail(by, 5);
    expect(await tried(by, 'undecided')).toBe('RATE_LIMITED');
  });

  it('do not count when the attempt itself broke, and free their place', async () => {
    const by = throttle({ maxFailuresPerAccount: 1 });
    for (let n = 0; n < 10; n++) {
      const broken = by.guard('mira', '192.0.2.1', () => Promise.reject(new TypeError('a defect')));
      await expect(broken).rejects.toThrow('a defect');
    }
    expect(await tried(by, 'passed')).toBe('passed');
  });
});

describe('guesses from one address', () => {
  it('are turned away after the limit, whatever accounts they try', async () => {
    const by = throttle({ maxFailuresPerAddress: 10 });
    for (let n = 0; n < 10; n++) await fail(by, 1, `user-${n}`);
    expect(await tried(by, 'passed', 'user-11')).toBe('RATE_LIMITED');
    expect(await tried(by, 'passed', 'user-11', '192.0.2.2')).toBe('passed');
    vi.advanceTimersByTime(60_000);
    expect(await tried(by, 'passed', 'user-11')).toBe('passed');
  });

  it('are not forgotten because one sign-in succeeds', async () => {
    const by = throttle({ maxFailuresPerAddress: 10 });
    for (let n = 0; n < 9; n++) await fail(by, 1, `user-${n}`);
    expect(await tried(by, 'passed', 'own-account')).toBe('passed');
    await fail(by, 1, 'user-10');
    expect(await tried(by, 'passed', 'own-account')).toBe('RATE_LIMITED');
  });
});

/** Runs attempts that stay under way until `finish` is called for one of them. */
function slowly() {
  const under: { finish(verdict: Verdict): void }[] = [];
  let most = 0;
  let started = 0;
  return {
    under,
    most: () => most,
    started: () => started,
    attempt: () =>
      new Promise<Attempt>((resolve) => {
        started++;
        const entry = {
          finish: (verdict: Verdict) => {
            under.splice(under.indexOf(entry), 1);
            resolve({ verdict });
          },
        };
        under.push(entry);
        most = Math.max(most, under.length);
      }),
  };
}

const settle = async () => {
  for (let n = 0; n < 50; n++) await Promise.resolve();
};

describe('parallel guesses', () => {
  it('at one account never get more than the limit through, however many come at once', async () => {
    const by = throttle({ maxFailuresPerAccount: 20 });
    const slow = slowly();
    const all = Array.from({ length: 200 }, () =>
      by.guard('mira', '192.0.2.1', slow.attempt).catch((e: unknown) => e),
    );
    await settle();
    expect(slow.started()).toBe(20);
    while (slow.under.length > 0) {
      slow.under[0]?.finish('failed');
      await settle();
    }
    const results = await Promise.all(all);
    expect(slow.started()).toBe(20);
    expect(results.filter((one) => one instanceof BridgeError && one.code === 'RATE_LIMITED')).toHaveLength(
      180,
    );
  });

  it('from one address at 200 accounts never get more than its limit through', async () => {
    const by = throttle({ maxFailuresPerAddress: 30 });
    const slow = slowly();
    const all = Array.from({ length: 200 }, (_, n) =>
      by.guard(`user-${n}`, '192.0.2.1', slow.attempt).catch((e: unknown) => e),
    );
    await settle();
    while (slow.under.length > 0) {
      slow.under[0]?.finish('failed');
      await settle();
    }
    const results = await Promise.all(all);
    expect(slow.started()).toBe(30);
    expect(results.filter((one) => one instanceof BridgeError && one.code === 'RATE_LIMITED')).toHaveLength(
      170,
    );
  });

  it('and failures so far together never pass the limit', async () => {
    const by = throttle({ maxFailuresPerAccount: 20 });
    await fail(by, 13);
    const slow = slowly();
    const all = Array.from({ length: 200 }, () =>
      by.guard('mira', '192.0.2.1', slow.attempt).catch((e: unknown) => e),
    );
    await settle();
    while (slow.under.length > 0) {
      slow.under.at(-1)?.finish('failed');
      await settle();
    }
    await Promise.all(all);
    expect(slow.started()).toBe(7);
  });

  it('of an honest customer all succeed, a few at a time', async () => {
    const by = throttle({ maxFailuresPerAccount: 5 });
    const slow = slowly();
    const all = Array.from({ length: 200 }, () => by.guard('mira', '192.0.2.1', slow.attempt));
    await settle();
    while (slow.under.length > 0) {
      slow.under[0]?.finish('passed');
      await settle();
    }
    expect((await Promise.all(all)).map(({ verdict }) => verdict)).toEqual(
      Array.from({ length: 200 }, () => 'passed'),
    );
    expect(slow.most()).toBe(5);
  });

  it.each([1, 2, 20])(
    'with a limit of %d leave nobody waiting for ever, also when more come than may wait',
    async (limit) => {
      const by = throttle({ maxFailuresPerAccount: limit, maxFailuresPerAddress: 10_000 });
      const slow = slowly();
      const all = Array.from({ length: 600 }, (_, n) =>
        by.guard('mira', `192.0.2.${n % 200}`, slow.attempt).catch((e: unknown) => (e as BridgeError).code),
      );
      await settle();
      for (let n = 0; slow.under.length > 0; n++) {
        slow.under[0]?.finish(n % 3 === 0 ? 'passed' : 'undecided');
        await settle();
      }
      const results = await Promise.all(all);
      const busy = results.filter((one) => one === 'SIGN_IN_BUSY').length;
      expect(busy).toBeGreaterThan(0);
      expect(busy).toBeLessThan(400);
      expect(results.filter((one) => typeof one === 'object')).toHaveLength(600 - busy);
      expect(slow.most()).toBe(limit);
    },
  );

  it('at one account do not hold up another', async () => {
    const by = throttle({ maxFailuresPerAccount: 1 });
    const slow = slowly();
    const first = by.guard('mira', '192.0.2.1', slow.attempt);
    await settle();
    expect(await tried(by, 'passed', 'noor')).toBe('passed');
    slow.under[0]?.finish('passed');
    expect(await first).toEqual({ verdict: 'passed' });
  });
});
