import { describe, expect, it } from 'vitest';
import { rememberUntilMs, replayId } from '../../../src/replay/replay.ts';

describe('the id of what was used', () => {
  it('is of one length, whatever it stands for, and gives none of it away', () => {
    const long = replayId(['ak_key', 'x'.repeat(5_000)]);
    expect(long).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(replayId(['ak_key', 'short'])).toHaveLength(long.length);
  });

  it('tells parts apart, however they are cut', () => {
    expect(replayId(['ab', 'c'])).not.toBe(replayId(['a', 'bc']));
    expect(replayId(['ab', 'c'])).not.toBe(replayId(['abc']));
    expect(replayId(['ab', 'c'])).toBe(replayId(['ab', 'c']));
  });

  it('is kept until a node whose clock is a minute behind would refuse its latest time', () => {
    const nowMs = 1_790_000_000_000;
    const windowMs = 300_000;
    const latestTimeMs = nowMs + windowMs;
    const lastAcceptedElsewhereMs = latestTimeMs + windowMs + 60_000;
    expect(rememberUntilMs(nowMs, windowMs)).toBeGreaterThanOrEqual(lastAcceptedElsewhereMs);
  });
});
