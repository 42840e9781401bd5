import { describe, expect, it } from 'vitest';
import { createClockCourse, createJumpDetector, epochSeconds } from '../../../src/platform/clock.ts';
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

describe('time for deleting what has expired', () => {
  it('follows a jump forwards only an hour later, and goes on as time passes meanwhile', () => {
    const clock = createTestClock();
    const { patientMs, wasSetBack } = createClockCourse(clock);
    clock.jump(86_400_000);
    expect(patientMs()).toBe(clock.nowMs() - 86_400_000);
    clock.advance(3_500_000);
    expect(patientMs()).toBe(clock.nowMs() - 86_400_000);
    clock.advance(100_000);
    expect(patientMs()).toBe(clock.nowMs());
    expect(wasSetBack()).toBe(false);
  });

  it('is right at once when the jump is undone, and never ahead of the clock', () => {
    const clock = createTestClock();
    const { patientMs, wasSetBack } = createClockCourse(clock);
    clock.jump(3_600_000);
    expect(patientMs()).toBe(clock.nowMs() - 3_600_000);
    clock.jump(-3_600_000);
    expect(patientMs()).toBe(clock.nowMs());
    clock.jump(-3_600_000);
    expect(patientMs()).toBe(clock.nowMs());
    expect(wasSetBack()).toBe(true);
  });
});

it('epoch seconds are whole and never ahead', () => {
  expect(epochSeconds(createTestClock({ nowMs: 1_570_733_606_999 }))).toBe(1_570_733_606);
});
