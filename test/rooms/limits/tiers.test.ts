import { describe, expect, it } from 'vitest';
import { createLimiter, type LimiterOptions, type LimitVerdict } from '../../../src/limits/limiter.ts';
import { createTiers } from '../../../src/limits/tiers.ts';
import { createMemoryLimitCounter } from '../../../src/stores/memory-limits.ts';
import { createTestClock } from '../../support/clock.ts';

const ADDRESS = '192.0.2.7';
const defaults: LimiterOptions['defaults'] = {
  key: 'standard',
  client: 'standard',
  partner: 'standard',
  session: 'production',
  address: 'standard',
  service: 'unlimited',
};

function setUp(options: { tiers?: Parameters<typeof createTiers>[0]; failures?: number } = {}) {
  const clock = createTestClock();
  const refused: string[] = [];
  const assigned = new Map<string, string>();
  const limiter = createLimiter(
    {
      tiers: createTiers(options.tiers),
      defaults,
      failures: { quota: options.failures ?? 5, windowSeconds: 60 },
    },
    {
      counter: createMemoryLimitCounter({ clock }),
      clock,
      assignedTier: (kind, id) => assigned.get(`${kind}:${id}`),
      onRefused: (kind) => refused.push(kind),
    },
  );
  const admit = (...subjects: Parameters<typeof limiter.admit>[0]) =>
    limiter.admit(subjects, ADDRESS) as LimitVerdict;
  return { clock, limiter, admit, refused, assigned };
}

describe('limits tiers', () => {
  it.each([
    ['development', 10, 60],
    ['staging', 30, 60],
    ['production', 60, 60],
    ['messaging', 80, 1],
    ['messaging-new', 80, 1],
  ])('%s admits %i requests in %i seconds and no more', (tier, quota, windowSeconds) => {
    const { admit, clock } = setUp();
    const subject = { kind: 'key' as const, id: 'ak', tier };
    for (let i = 0; i < quota; i++) expect(admit(subject).admitted).toBe(true);
    const refusal = admit(subject);
    expect(refusal).toMatchObject({ admitted: false, retryAfterSeconds: windowSeconds });
    clock.advance(windowSeconds * 1000);
    expect(admit(subject).admitted).toBe(true);
  });

  it.each([
    ['messaging', 10_000],
    ['messaging-new', 1_000],
  ])('%s ends at %i requests a day although each second has room', (tier, quota) => {
    const { admit, clock } = setUp();
    const subject = { kind: 'key' as const, id: 'ak', tier };
    for (let i = 0; i < quota; i++) {
      if (i % 50 === 0) clock.advance(1_000);
      expect(admit(subject).admitted).toBe(true);
    }
    clock.advance(1_000);
    const refusal = admit(subject);
    expect(refusal.refusedBy?.name).toBe('key-day');
    expect(refusal.retryAfterSeconds).toBe(86_400 - quota / 50);
    clock.advance(refusal.retryAfterSeconds * 1000);
    expect(admit(subject).admitted).toBe(true);
  });

  it('unlimited counts nothing and shows nothing', () => {
    const { admit } = setUp();
    for (let i = 0; i < 5_000; i++) {
      const verdict = admit({ kind: 'key', id: 'ak', tier: 'unlimited' });
      expect(verdict).toMatchObject({ admitted: true, policies: [] });
    }
  });

  it('a tier that is named and not defined is never unlimited: production holds', () => {
    const { admit } = setUp();
    const subject = { kind: 'key' as const, id: 'ak', tier: 'lost' };
    for (let i = 0; i < 60; i++) expect(admit(subject).admitted).toBe(true);
    expect(admit(subject).admitted).toBe(false);
  });

  it('a configured tier holds all of its windows, and unlimited keeps its meaning', () => {
    const windows = [
      { quota: 3, windowSeconds: 10 },
      { quota: 4, windowSeconds: 90 },
    ];
    const { admit, clock } = setUp({ tiers: { gold: windows, unlimited: windows } });
    const subject = { kind: 'partner' as const, id: 'p', tier: 'gold' };
    for (let i = 0; i < 3; i++) admit(subject);
    expect(admit(subject).refusedBy?.name).toBe('partner-10s');
    clock.advance(10_000);
    expect(admit(subject).admitted).toBe(true);
    expect(admit(subject)).toMatchObject({ retryAfterSeconds: 80, refusedBy: { name: 'partner-90s' } });
    for (let i = 0; i < 10; i++)
      expect(admit({ kind: 'key', id: 'k', tier: 'unlimited' }).admitted).toBe(true);
  });

  it('the tier of a single key comes before the default of keys', () => {
    const { admit, assigned } = setUp();
    assigned.set('key:tight', 'development');
    for (let i = 0; i < 10; i++) expect(admit({ kind: 'key', id: 'tight' }).admitted).toBe(true);
    expect(admit({ kind: 'key', id: 'tight' }).admitted).toBe(false);
    expect(admit({ kind: 'key', id: 'other' }).admitted).toBe(true);
  });
});

describe('a request with several subjects', () => {
  const key = { kind: 'key' as const, id: 'ak', tier: 'production' };
  const partner = { kind: 'partner' as const, id: 'p', tier: 'development' };

  it('is refused by the tightest, and costs the others nothing', () => {
    const { admit, refused } = setUp();
    for (let i = 0; i < 10; i++) admit(key, partner);
    for (let i = 0; i < 5; i++) expect(admit(key, partner).refusedBy?.name).toBe('partner-minute');
    expect(admit(key).policies).toMatchObject([{ name: 'key-minute', remaining: 49 }]);
    expect(refused).toEqual(Array(5).fill('partner'));
  });

  it('is told to wait for the longest of the used-up windows', () => {
    const { admit, clock } = setUp();
    const day = { kind: 'client' as const, id: 'c', tier: 'messaging-new' };
    for (let i = 0; i < 1_000; i++) {
      if (i % 80 === 0) clock.advance(1_000);
      admit(day);
    }
    for (let i = 0; i < 10; i++) admit(partner);
    const refusal = admit(partner, day);
    expect(refusal.refusedBy?.name).toBe('client-day');
    clock.advance(refusal.retryAfterSeconds * 1000);
    expect(admit(partner, day).admitted).toBe(true);
  });

  it('names limits without saying who is limited', () => {
    const { admit } = setUp();
    expect(admit(key, partner).policies.map(({ name }) => name)).toEqual(['key-minute', 'partner-minute']);
  });
});

describe('failed authentications of an address', () => {
  it('are admitted up to the limit; then the address is known as blocked until the window ends', () => {
    const { limiter, clock } = setUp();
    for (let i = 0; i < 5; i++) {
      expect(limiter.blocked(ADDRESS)).toBeUndefined();
      expect(limiter.countFailure(ADDRESS)).toMatchObject({ admitted: true });
    }
    expect(limiter.blocked(ADDRESS)).toMatchObject({ admitted: false, retryAfterSeconds: 60 });
    expect(limiter.countFailure(ADDRESS)).toMatchObject({ admitted: false });
    expect(limiter.blocked('192.0.2.8')).toBeUndefined();
    clock.advance(59_999);
    expect(limiter.blocked(ADDRESS)?.retryAfterSeconds).toBe(1);
    clock.advance(1);
    expect(limiter.blocked(ADDRESS)).toBeUndefined();
    expect(limiter.countFailure(ADDRESS)).toMatchObject({ admitted: true });
  });

  it('count for a whole /64', () => {
    const { limiter } = setUp();
    for (let i = 0; i < 5; i++) void limiter.countFailure(`2001:db8:1:2::${i + 1}`);
    expect(limiter.blocked('2001:db8:1:2:aaaa::1')).toBeDefined();
    expect(limiter.blocked('2001:db8:1:3::1')).toBeUndefined();
  });

  it('still hold for addresses that were forgotten as blocked because there are so many', () => {
    const { limiter, admit } = setUp({ failures: 1 });
    void limiter.countFailure(ADDRESS);
    for (let i = 0; i < 10_000; i++) void limiter.countFailure(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`);
    expect(limiter.blocked(ADDRESS)).toBeUndefined();
    expect(admit({ kind: 'key', id: 'ak' })).toMatchObject({
      admitted: false,
      refusedBy: { name: 'failures-minute' },
    });
  });
});
