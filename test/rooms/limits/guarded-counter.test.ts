import { describe, expect, it } from 'vitest';
import { createGuardedCounter } from '../../../src/limits/guarded-counter.ts';
import type { CountedSubject, LimitCounter } from '../../../src/limits/limit-counter.ts';
import { createMemoryLimitCounter } from '../../../src/stores/memory-limits.ts';
import { createTestClock } from '../../support/clock.ts';

const call: CountedSubject[] = [{ kind: 'key', id: 'a', windows: [{ quota: 8, windowMs: 60_000 }] }];

function setUp(fallbackPercent = 25) {
  const clock = createTestClock();
  const changes: string[] = [];
  const state = { away: false, calls: 0 };
  const store = createMemoryLimitCounter({ clock });
  const shared: LimitCounter = {
    shared: true,
    count: async (subjects) => {
      state.calls += 1;
      if (state.away) throw new Error('away');
      return store.count(subjects);
    },
  };
  const counter = createGuardedCounter({
    shared,
    local: createMemoryLimitCounter({ clock }),
    clock,
    fallbackPercent,
    onChange: (change) => changes.push(change),
  });
  const admitted = async (times: number) => {
    let count = 0;
    for (let i = 0; i < times; i++) if ((await counter.count(call)).admitted) count += 1;
    return count;
  };
  return { clock, changes, state, counter, admitted };
}

describe('limits while the shared counter is away', () => {
  it('count every window of every subject by its share, and keep lengths and modes', async () => {
    const clock = createTestClock();
    const seen: CountedSubject[][] = [];
    const error = new Error('away');
    const told: unknown[] = [];
    const counter = createGuardedCounter({
      shared: { shared: true, count: () => Promise.reject(error) },
      local: {
        shared: false,
        count: (subjects) => {
          seen.push([...subjects]);
          return { admitted: true, windows: [] };
        },
      },
      clock,
      onChange: (...change) => told.push(change),
    });
    expect(counter.shared).toBe(true);
    expect(counter.isAway()).toBe(false);
    const windows = (...quotas: number[]) => quotas.map((quota, i) => ({ quota, windowMs: (i + 1) * 1_000 }));
    await counter.count([
      { kind: 'key', id: 'a', windows: windows(80, 10_000) },
      { kind: 'failures', id: 'b', windows: windows(3, 7), mode: 'look' },
    ]);
    expect(seen).toEqual([
      [
        { kind: 'key', id: 'a', windows: windows(20, 2_500) },
        { kind: 'failures', id: 'b', windows: windows(1, 1), mode: 'look' },
      ],
    ]);
    expect(told).toEqual([['away', error]]);
  });

  it('are tried at the store again a second after each failure, and told of once', async () => {
    const { state, admitted, clock, changes } = setUp();
    state.away = true;
    for (let second = 0; second < 3; second++) {
      await admitted(3);
      clock.advance(999);
      await admitted(3);
      expect(state.calls).toBe(second + 1);
      clock.advance(1);
    }
    expect(changes).toEqual(['away']);
  });

  it('count at the store alone while it is there', async () => {
    const { state, admitted, changes } = setUp();
    expect(await admitted(20)).toBe(8);
    expect(state.calls).toBe(20);
    expect(changes).toEqual([]);
  });

  it('go on at a quarter of each limit, never without one', async () => {
    const { state, admitted, changes } = setUp();
    state.away = true;
    expect(await admitted(20)).toBe(2);
    expect(changes).toEqual(['away']);
  });

  it('leave at least one request of the smallest limit', async () => {
    const { state, admitted } = setUp(1);
    state.away = true;
    expect(await admitted(20)).toBe(1);
  });

  it('try the store once a second, whoever asks', async () => {
    const { state, admitted, clock, counter } = setUp();
    state.away = true;
    await admitted(100);
    expect(state.calls).toBe(1);
    clock.advance(1_000);
    await Promise.all(Array.from({ length: 50 }, async () => counter.count(call)));
    expect(state.calls).toBe(2);
  });

  it('are the shared ones again as soon as a try succeeds, with what was counted before', async () => {
    const { state, admitted, clock, changes, counter } = setUp();
    expect(await admitted(5)).toBe(5);
    state.away = true;
    await admitted(10);
    expect(counter.isAway()).toBe(true);
    state.away = false;
    clock.advance(1_000);
    expect(await admitted(10)).toBe(3);
    expect(counter.isAway()).toBe(false);
    expect(changes).toEqual(['away', 'back']);
  });
});
