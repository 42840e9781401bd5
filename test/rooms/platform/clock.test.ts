import { describe, expect, it } from 'vitest';
import { createJumpDetector, epochSeconds } from '../../../src/platform/clock.ts';
import { createTestClock } from '../../support/clock.ts';

describe('a jump of the wall clock', () => {
  it.each([3_600_000, -3_600_000])('of %d ms is told once', (jumpMs) => {
    const clock = createTestClock();
    const jumped = createJumpDetector(clock);
    clock.advance(60_000);
    expect(jumped()).toBe(0);
    clock.advance(500);
    clock.jump(jumpMs);
    expect(jumped()).toBe(jumpMs);
    expect(jumped()).toBe(0);
  });

  it('is not seen in the small steps with which a time server keeps the clock', () => {
    const clock = createTestClock();
    const jumped = createJumpDetector(clock);
    clock.jump(1_500);
    expect(jumped()).toBe(0);
  });
});

it('epoch seconds are whole and never ahead', () => {
  expect(epochSeconds(createTestClock({ nowMs: 1_570_733_606_999 }))).toBe(1_570_733_606);
});
