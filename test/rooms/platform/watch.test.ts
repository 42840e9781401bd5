import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLogger, type Logger } from '../../../src/platform/logger.ts';
import { startWatching } from '../../../src/platform/watch.ts';
import { createTestClock } from '../../support/clock.ts';

let lines: string[];
let logger: Logger;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  lines = [];
  logger = createLogger('debug', { write: (line) => lines.push(line) });
});
afterEach(() => {
  vi.useRealTimers();
});

const events = () => lines.map((line) => (JSON.parse(line) as { event: string }).event);
const tick = async (times = 1) => {
  for (let n = 0; n < times; n++) await vi.advanceTimersByTimeAsync(500);
};

describe('a recurring task', () => {
  it('never runs beside itself, however long it takes', async () => {
    let running = 0;
    let most = 0;
    let finish = () => {};
    const run = () => {
      most = Math.max(most, ++running);
      return new Promise<void>((resolve) => {
        finish = () => {
          running--;
          resolve();
        };
      });
    };
    const watch = startWatching({
      clock: createTestClock(),
      logger,
      every: [{ name: 'slow', everyMs: 500, run }],
    });
    await tick(5);
    expect([running, most]).toEqual([1, 1]);
    finish();
    await tick();
    expect([running, most]).toEqual([1, 1]);
    watch.stop();
  });

  it('that fails is reported once until it works again, and goes on', async () => {
    let working = false;
    let runs = 0;
    const run = async () => {
      runs++;
      if (!working) throw new TypeError('away');
    };
    const watch = startWatching({
      clock: createTestClock(),
      logger,
      every: [{ name: 'shaky', everyMs: 500, run }],
    });
    await tick(4);
    expect(events()).toEqual(['watch.failed']);
    working = true;
    await tick(3);
    expect(events()).toEqual(['watch.failed', 'watch.recovered']);
    expect(runs).toBe(7);
    watch.stop();
    await tick(3);
    expect(runs).toBe(7);
  });
});

it('a jump of the clock is written to the log', async () => {
  const clock = createTestClock();
  const watch = startWatching({ clock, logger, every: [{ name: 'x', everyMs: 500, run: async () => {} }] });
  clock.advance(500);
  await tick();
  expect(events()).toEqual([]);
  clock.jump(-7_200_000);
  clock.advance(500);
  await tick();
  expect(events()).toEqual(['clock.jumped']);
  expect(lines[0]).toContain('"jump_ms":-7200000');
  watch.stop();
});
