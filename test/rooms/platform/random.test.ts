import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { randomBase62, randomToken, uuidTimeMs, uuidV7 } from '../../../src/platform/random.ts';

describe('a version 7 UUID', () => {
  it('says when it was made, to the millisecond', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 48 - 1 }), (nowMs) => {
        const id = uuidV7(nowMs);
        expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        expect(uuidTimeMs(id)).toBe(nowMs);
      }),
    );
  });

  it('sorts by time and does not repeat within a millisecond', () => {
    expect(uuidV7(1_000) < uuidV7(1_001)).toBe(true);
    const ids = Array.from({ length: 5_000 }, () => uuidV7(1_000));
    expect(new Set(ids).size).toBe(ids.length);
  });

  it.each(['', 'x', '0190f3c0-0000-4000-8000-000000000000', '0190F3C0-0000-7000-8000-000000000000'])(
    '%j is none',
    (text) => {
      expect(uuidTimeMs(text)).toBeUndefined();
    },
  );
});

describe('random text', () => {
  it('uses every base62 digit about equally often', () => {
    const counts = new Map<string, number>();
    for (const digit of randomBase62(31_000)) counts.set(digit, (counts.get(digit) ?? 0) + 1);
    expect(counts.size).toBe(62);
    // 500 expected of each; a biased draw by remainder would give some digits 605.
    const evenDeviation = [...counts.values()].reduce((sum, count) => sum + (count - 500) ** 2 / 500, 0);
    expect(evenDeviation).toBeLessThan(150);
  });

  it('holds as many bytes as were asked for', () => {
    expect(Buffer.from(randomToken(16), 'base64url')).toHaveLength(16);
    expect(randomBase62(43)).toMatch(/^[0-9A-Za-z]{43}$/);
  });
});
