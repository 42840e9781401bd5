import { describe, expect, it } from 'vitest';
import { createMemoryLimitCounter } from '../../src/stores/memory-limits.ts';
import { createTestClock } from '../support/clock.ts';
import { describeLimitCounter } from './limit-counter.suite.ts';

describeLimitCounter('in the process', { open: (clock) => createMemoryLimitCounter({ clock }) });

describe('the memory of a process', () => {
  const windows = [{ quota: 2, windowMs: 60_000 }];

  it('answers without waiting', () => {
    const counter = createMemoryLimitCounter({ clock: createTestClock() });
    expect(counter.count([{ kind: 'key', id: 'a', windows }])).not.toBeInstanceOf(Promise);
  });

  it('is not moved by a wall clock that is set', () => {
    const clock = createTestClock();
    const counter = createMemoryLimitCounter({ clock });
    for (let i = 0; i < 2; i++) counter.count([{ kind: 'key', id: 'a', windows }]);
    clock.jump(3_600_000);
    expect(counter.count([{ kind: 'key', id: 'a', windows }]).admitted).toBe(false);
  });

  it('lets go of subjects whose windows have ended', () => {
    const clock = createTestClock();
    const counter = createMemoryLimitCounter({ clock });
    for (let i = 0; i < 5_000; i++) counter.count([{ kind: 'session', id: `${i}`, windows }]);
    expect(counter.subjects()).toBe(5_000);
    clock.advance(60_000);
    counter.count([{ kind: 'session', id: 'later', windows }]);
    expect(counter.subjects()).toBe(1);
  });

  it('stays within its bound, and a flood of one kind displaces nothing of another', () => {
    const counter = createMemoryLimitCounter({ clock: createTestClock(), maxSubjectsPerKind: 100 });
    for (let i = 0; i < 2; i++) counter.count([{ kind: 'key', id: 'a', windows }]);
    for (let i = 0; i < 10_000; i++) counter.count([{ kind: 'failures', id: `${i}`, windows }]);
    expect(counter.subjects()).toBe(101);
    expect(counter.count([{ kind: 'key', id: 'a', windows }]).admitted).toBe(false);
  });
});
