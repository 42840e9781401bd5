import { describe, expect, it } from 'vitest';
import { createLimiter, type LimiterOptions, type LimitVerdict } from '../../../src/limits/limiter.ts';
import type { CountedSubject, LimitCounter } from '../../../src/limits/limit-counter.ts';
import { BUILT_IN_TIERS, createTiers, windowName } from '../../../src/limits/tiers.ts';
import { createMemoryLimitCounter } from '../../../src/stores/memory-limits.ts';
import { createTestClock } from '../../support/clock.ts';

const ADDRESS = '192.0.2.7';
const defaults: LimiterOptions['defaults'] = {
  key: 'production',
  client: 'staging',
  partner: 'standard',
  session: 'development',
  address: 'staging',
  service: 'unlimited',
};

/** Several processes that count together, and what was asked of the counter. */
function setUp(options: { shared: boolean; processes?: number } = { shared: true }) {
  const clock = createTestClock();
  const memory = createMemoryLimitCounter({ clock });
  const asked: CountedSubject[][] = [];
  const refused: string[] = [];
  const note = (subjects: readonly CountedSubject[]) => {
    asked.push([...subjects]);
    return memory.count(subjects);
  };
  const counter: LimitCounter = options.shared
    ? { shared: true, count: async (subjects) => note(subjects) }
    : { shared: false, count: note };
  const open = () =>
    createLimiter(
      { tiers: createTiers(), defaults, failures: { quota: 3, windowSeconds: 60 } },
      { counter, clock, onRefused: (kind) => refused.push(kind) },
    );
  return { clock, asked, refused, here: open(), there: open() };
}

const key = { kind: 'key', id: 'ak' } as const;
const address = { kind: 'address', id: ADDRESS } as const;
const service = { kind: 'service', id: 'all', tier: 'development' } as const;

describe('what a caller is told', () => {
  it('is where its own limits stand, and nothing of limits that others share with it', async () => {
    const { here, clock } = setUp();
    const first = await here.admit([key, address, service], ADDRESS);
    expect(first).toEqual({
      admitted: true,
      policies: [{ name: 'key-minute', quota: 60, windowSeconds: 60, remaining: 59, resetSeconds: 60 }],
      retryAfterSeconds: 0,
      refusedBy: undefined,
    });
    clock.advance(500);
    const second = await here.admit([key], ADDRESS);
    expect(second.policies).toMatchObject([{ remaining: 58, resetSeconds: 60 }]);
    clock.advance(1);
    clock.advance(500);
    const third = await here.admit([key], ADDRESS);
    expect(third.policies).toMatchObject([{ remaining: 57, resetSeconds: 59 }]);
  });

  it('is a shared limit only when that one refuses', async () => {
    const { here, refused } = setUp();
    for (let i = 0; i < 10; i++) await here.admit([key, service], ADDRESS);
    const refusal = await here.admit([key, service], ADDRESS);
    expect(refusal.admitted).toBe(false);
    expect(refusal.policies.map(({ name }) => name)).toEqual(['key-minute', 'service-minute']);
    expect(refusal.refusedBy).toMatchObject({ name: 'service-minute', remaining: 0 });
    expect(refused).toEqual(['service']);
  });

  it('is each of its own limits once, also when one of them refuses', async () => {
    const { here, refused } = setUp();
    const session = { kind: 'session', id: 's' } as const;
    for (let i = 0; i < 10; i++) await here.admit([session, key], ADDRESS);
    const refusal = await here.admit([session, key], ADDRESS);
    expect(refusal.policies.map(({ name }) => name)).toEqual(['session-minute', 'key-minute']);
    expect(refused).toEqual(['session']);
  });

  it('waits a second at least, however short the rest of a window is', async () => {
    const { here, clock } = setUp();
    const fast = { kind: 'key', id: 'fast', tier: 'messaging' } as const;
    for (let i = 0; i < 80; i++) await here.admit([fast], ADDRESS);
    clock.advance(999);
    expect(await here.admit([fast], ADDRESS)).toMatchObject({ admitted: false, retryAfterSeconds: 1 });
  });
});

describe('kinds of subjects', () => {
  it('have the tier that is configured for them, and are counted apart', async () => {
    const { here } = setUp();
    const quotas = async (kind: keyof typeof defaults) =>
      (await here.admit([{ kind, id: 'same' }], ADDRESS)).policies.map(({ quota, remaining }) => [
        quota,
        remaining,
      ]);
    expect(await quotas('key')).toEqual([[60, 59]]);
    expect(await quotas('client')).toEqual([[30, 29]]);
    expect(await quotas('session')).toEqual([[10, 9]]);
    expect(await quotas('partner')).toEqual([[20_000, 19_999]]);
  });

  it('that are unlimited are not counted, and a request of nothing else asks nobody', () => {
    const { here, asked } = setUp({ shared: false });
    const verdict = here.admit([{ kind: 'key', id: 'ak', tier: 'unlimited' }], ADDRESS);
    expect(verdict).toEqual({ admitted: true, policies: [], retryAfterSeconds: 0, refusedBy: undefined });
    expect(here.admit([], ADDRESS)).toMatchObject({ admitted: true });
    expect(asked).toEqual([]);
  });

  it('and ids are what is counted, and nothing else is', () => {
    const { here, asked } = setUp({ shared: false });
    void here.admit([key, { kind: 'client', id: 'cl', tier: 'messaging' }], ADDRESS);
    expect(asked[0]?.map(({ kind, id, windows }) => [kind, id, windows.length])).toEqual([
      ['key', 'ak', 1],
      ['client', 'cl', 2],
    ]);
  });
});

describe('failed authentications that several processes see', () => {
  it('block an address at each of them, and a request does not count as one', async () => {
    const { here, there, refused } = setUp();
    for (let i = 0; i < 20; i++) expect((await there.admit([key], ADDRESS)).admitted).toBe(true);
    for (let i = 0; i < 3; i++) expect((await here.countFailure(ADDRESS)).admitted).toBe(true);
    expect(here.blocked(ADDRESS)).toMatchObject({ admitted: false, retryAfterSeconds: 60 });
    expect(there.blocked(ADDRESS)).toBeUndefined();
    const refusal = await there.admit([key], ADDRESS);
    expect(refusal).toMatchObject({ admitted: false, refusedBy: { name: 'failures-minute', remaining: 0 } });
    expect(refusal.policies.map(({ name }) => name)).toEqual(['key-minute', 'failures-minute']);
    expect((await there.countFailure(ADDRESS)).admitted).toBe(false);
    expect(there.blocked(ADDRESS)).toBeDefined();
    expect(refused).toEqual(['failures', 'failures', 'failures', 'failures']);
    expect((await there.admit([key], '192.0.2.8')).admitted).toBe(true);
  });

  it('count a whole /64 as one address, and are over with their window', async () => {
    const { here, there, clock } = setUp();
    for (let i = 0; i < 3; i++) await here.countFailure(`2001:db8:1:2::${i}`);
    expect((await there.admit([key], '2001:db8:1:2:9::1')).admitted).toBe(false);
    expect((await there.admit([key], '2001:db8:1:3:9::1')).admitted).toBe(true);
    clock.advance(60_000);
    expect((await there.admit([key], '2001:db8:1:2:9::1')).admitted).toBe(true);
    expect(here.blocked('2001:db8:1:2::1')).toBeUndefined();
  });
});

describe('failed authentications that one process sees', () => {
  it('are not asked about again with each request', () => {
    const { here, asked } = setUp({ shared: false });
    void here.countFailure(ADDRESS);
    void here.admit([key], ADDRESS);
    expect(asked.at(-1)?.map(({ kind, id }) => [kind, id])).toEqual([['key', 'ak']]);
    expect(asked[0]).toMatchObject([{ kind: 'failures', id: ADDRESS, mode: 'take' }]);
  });

  it('are told as what is left of them', () => {
    const { here } = setUp({ shared: false });
    const left = () => here.countFailure(ADDRESS) as LimitVerdict;
    expect([left(), left(), left(), left()].map(({ admitted }) => admitted)).toEqual([
      true,
      true,
      true,
      false,
    ]);
    expect(left().refusedBy).toEqual({
      name: 'failures-minute',
      quota: 3,
      windowSeconds: 60,
      remaining: 0,
      resetSeconds: 60,
    });
  });

  it('of the address that was blocked first are the first to be forgotten, and no others', () => {
    const { here } = setUp({ shared: false });
    const block = (one: string) => {
      for (let i = 0; i < 3; i++) void here.countFailure(one);
    };
    const nth = (n: number) => `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`;
    block(ADDRESS);
    for (let n = 0; n < 9_999; n++) block(nth(n));
    expect(here.blocked(ADDRESS)).toBeDefined();
    block('192.0.2.200');
    expect(here.blocked(ADDRESS)).toBeUndefined();
    expect(here.blocked(nth(0))).toBeDefined();
    expect(here.blocked('192.0.2.200')).toBeDefined();
  });
});

describe('tiers', () => {
  it('are the built-in ones and those of the configuration, which come first', () => {
    const mine = [{ quota: 1, windowSeconds: 5 }];
    const tiers = createTiers({ mine, staging: mine });
    expect(tiers.all().map(({ name }) => name)).toEqual([...Object.keys(BUILT_IN_TIERS), 'mine']);
    expect(tiers.find('mine')).toEqual({ name: 'mine', windows: mine });
    expect(tiers.find('staging').windows).toEqual(mine);
    expect(tiers.has('mine')).toBe(true);
    expect(tiers.has('lost')).toBe(false);
    expect(tiers.has('toString')).toBe(false);
    expect(tiers.find('toString').name).toBe('production');
  });

  it('are what their documentation says', () => {
    const told = Object.entries(BUILT_IN_TIERS).map(([name, windows]) => [
      name,
      windows.map(({ quota, windowSeconds }) => `${quota} a ${windowName(windowSeconds)}`).join(', '),
    ]);
    expect(Object.fromEntries(told)).toEqual({
      development: '10 a minute',
      staging: '30 a minute',
      production: '60 a minute',
      messaging: '80 a second, 10000 a day',
      'messaging-new': '80 a second, 1000 a day',
      standard: '20000 a second',
      generous: '100000 a second',
      unlimited: '',
    });
  });

  it('name each window in a word', () => {
    expect([1, 60, 3_600, 86_400, 90, 2].map(windowName)).toEqual([
      'second',
      'minute',
      'hour',
      'day',
      '90s',
      '2s',
    ]);
  });
});
