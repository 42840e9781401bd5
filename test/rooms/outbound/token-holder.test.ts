import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createTokenHolder } from '../../../src/outbound/token-holder.ts';
import { createTestClock } from '../../support/clock.ts';

/** Processes, or connections, that got their token at the same moment. */
const HOLDERS = 400;

/** The seconds after which each of many holders renewed a token of this life; they are asked a hundred times on the way. */
async function renewals(lifetimeSeconds: number, from: number, to: number): Promise<number[]> {
  const clock = createTestClock();
  const renewedMs: number[] = [];
  const startMs = clock.nowMs();
  const holders = Array.from({ length: HOLDERS }, () => {
    let fetched = 0;
    return createTokenHolder({
      clock,
      origin: 'https://idp.example',
      fetch: () => {
        fetched += 1;
        const nowMs = clock.nowMs();
        if (fetched === 2) renewedMs.push(nowMs - startMs);
        const endsAtMs = nowMs + lifetimeSeconds * 1_000;
        return Promise.resolve({ token: `t-${nowMs}`, grantedAtMs: nowMs, endsAtMs });
      },
    });
  });
  const ask = () => holders.map((one) => one.authorise({ timeoutMs: 1_000 }));
  await Promise.all(ask().map((answer) => Promise.resolve(answer)));
  clock.advance(from * 1_000 - 1);
  let waited = 0;
  for (let step = 0; step <= 101; step++) {
    // A token that still serves is given at once: it is renewed behind the caller's back.
    waited += ask().filter((answer) => answer instanceof Promise).length;
    await nextTurn();
    clock.advance((to - from) * 10);
  }
  expect(waited).toBe(0);
  return renewedMs.map((ms) => ms / 1_000);
}

describe('tokens that were given at the same moment', () => {
  it.each<[lifetimeSeconds: number, fromSeconds: number, toSeconds: number]>([
    // 75 to 85 % of the life.
    [3_600, 2_700, 3_060],
    [600, 450, 510],
    // 85 to 95 % of the time that they serve: 70, 30 and 10 seconds.
    [100, 59.5, 66.5],
    [60, 25.5, 28.5],
    [20, 8.5, 9.5],
  ])('of %d s are renewed between %d and %d s, evenly spread, and nobody waits', async (life, from, to) => {
    const seconds = await renewals(life, from, to);
    expect(seconds).toHaveLength(HOLDERS);
    expect(Math.min(...seconds)).toBeGreaterThanOrEqual(from);
    const tenths = Array.from({ length: 10 }, () => 0);
    for (const at of seconds) {
      const tenth = Math.min(9, Math.floor(((at - from) / (to - from)) * 10));
      tenths[tenth] = (tenths[tenth] as number) + 1;
    }
    // Forty are expected in each tenth of the span; these bounds are six deviations away.
    for (const count of tenths) {
      expect(count).toBeGreaterThan(4);
      expect(count).toBeLessThan(76);
    }
  });
});
