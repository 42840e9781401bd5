import type { Clock } from '../../src/platform/clock.ts';

export interface TestClock extends Clock {
  /** Moves wall-clock and monotonic time forward together. */
  advance(ms: number): void;
  /** Moves the wall clock alone, as an operator or a time server does. */
  jump(ms: number): void;
}

/** A clock that stands still until it is moved. Default start: 2026-01-01T00:00:00Z. */
export function createTestClock(options: { nowMs?: number } = {}): TestClock {
  let wallMs = options.nowMs ?? Date.UTC(2026, 0, 1);
  let monotonicMs = 1_000;
  return {
    nowMs: () => wallMs,
    monotonicMs: () => monotonicMs,
    advance(ms) {
      wallMs += ms;
      monotonicMs += ms;
    },
    jump(ms) {
      wallMs += ms;
    },
  };
}
