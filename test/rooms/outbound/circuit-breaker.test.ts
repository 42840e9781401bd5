import { beforeEach, describe, expect, it } from 'vitest';
import { type CircuitBreaker, createCircuitBreaker } from '../../../src/outbound/circuit-breaker.ts';
import { createTestClock, type TestClock } from '../../support/clock.ts';

let clock: TestClock;
let states: string[];
let breaker: CircuitBreaker;
beforeEach(() => {
  clock = createTestClock();
  states = [];
  breaker = createCircuitBreaker({ clock, failures: 5, onChange: (state) => states.push(state) });
});

function call(works: boolean): boolean {
  const pass = breaker.admit();
  if (pass === undefined) return false;
  breaker.report(pass, works);
  return true;
}
const calls = (count: number, works: boolean) => Array.from({ length: count }, () => call(works));

describe('the circuit', () => {
  it('opens at so many failures, and lets nothing out for a second', () => {
    expect(calls(5, false)).not.toContain(false);
    expect(breaker.state()).toBe('open');
    clock.advance(700);
    expect(call(true)).toBe(false);
    expect(breaker.openForMs()).toBeGreaterThan(0);
    clock.advance(300);
    expect(call(true)).toBe(true);
    expect(states).toEqual(['open', 'half_open', 'closed']);
  });

  it('stays closed while fewer than half of the calls fail', () => {
    for (let i = 0; i < 100; i++) {
      calls(2, true);
      calls(1, false);
    }
    expect(breaker.state()).toBe('closed');
  });

  it('forgets failures after ten seconds', () => {
    calls(4, false);
    clock.advance(10_000);
    calls(4, false);
    expect(breaker.state()).toBe('closed');
    calls(1, false);
    expect(breaker.state()).toBe('open');
  });

  it('lets one call out on trial, and none beside it', () => {
    calls(5, false);
    clock.advance(1_000);
    const trial = breaker.admit();
    expect(trial).toBe('trial');
    expect([breaker.admit(), breaker.admit()]).toEqual([undefined, undefined]);
    breaker.report('trial', true);
    expect(calls(3, true)).toEqual([true, true, true]);
  });

  it('stays open for one, two and then four seconds while trials fail, so that it is closed ten seconds after a cure', () => {
    calls(5, false);
    const waits: number[] = [];
    for (let trial = 0; trial < 5; trial++) {
      let waitedMs = 0;
      while (breaker.admit() === undefined) {
        clock.advance(100);
        waitedMs += 100;
      }
      breaker.report('trial', false);
      waits.push(waitedMs);
    }
    const longest = [1_000, 2_000, 4_000, 4_000, 4_000];
    for (const [i, waitedMs] of waits.entries()) {
      expect(waitedMs).toBeLessThanOrEqual(longest[i] as number);
      expect(waitedMs).toBeGreaterThanOrEqual((longest[i] as number) * 0.8);
    }
    expect(breaker.opened()).toBe(6);
  });

  it('takes no notice of calls that were on their way when it opened', () => {
    const late = Array.from({ length: 20 }, () => breaker.admit());
    calls(5, false);
    clock.advance(1_000);
    expect(call(true)).toBe(true);
    calls(5, false);
    for (const pass of late) breaker.report(pass as 'call', true);
    expect(breaker.state()).toBe('open');
  });
});
