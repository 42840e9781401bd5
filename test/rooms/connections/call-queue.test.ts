import { describe, expect, it } from 'vitest';
import { createCallQueue, QueueRefusal } from '../../../src/connections/call-queue.ts';
import type { LimitCounter } from '../../../src/limits/limit-counter.ts';
import { createMemoryLimitCounter } from '../../../src/stores/memory-limits.ts';
import { createTestClock } from '../../support/clock.ts';
import { createManualTimer } from '../../support/manual-timer.ts';

const DAY_SECONDS = 86_400;

function queueOf(
  windows: { quota: number; windowSeconds: number }[],
  options: {
    maxWaiting?: number;
    sharedCounter?: LimitCounter;
    clock?: ReturnType<typeof createTestClock>;
    sharers?: readonly string[];
  } = {},
) {
  const clock = options.clock ?? createTestClock();
  const timer = createManualTimer(clock);
  const queue = createCallQueue(
    {
      name: 'partner',
      windows,
      maxWaiting: options.maxWaiting ?? 1_000,
      sharers: options.sharers && new Set(options.sharers),
    },
    { clock, startTimer: timer.startTimer, sharedCounter: options.sharedCounter },
  );
  return { clock, timer, queue, drive: <T>(work: Promise<T>) => timer.drive(work, () => false) };
}

/** The most that left in any stretch of `windowMs`. */
function densest(leftAtMs: readonly number[], windowMs: number): number {
  const sorted = [...leftAtMs].sort((a, b) => a - b);
  let most = 0;
  let from = 0;
  sorted.forEach((atMs, i) => {
    while ((sorted[from] as number) <= atMs - windowMs) from += 1;
    most = Math.max(most, i - from + 1);
  });
  return most;
}

const refusalOf = async (work: Promise<unknown>): Promise<QueueRefusal> => {
  const refusal = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(refusal).toBeInstanceOf(QueueRefusal);
  return refusal as QueueRefusal;
};

describe('the queue of outgoing calls', () => {
  it('lets the first call out at once and never more than the quota in any second', async () => {
    const { queue, clock, drive } = queueOf([{ quota: 80, windowSeconds: 1 }]);
    const startMs = clock.monotonicMs();
    const left: number[] = [];
    const calls = Array.from({ length: 270 }, () =>
      queue.enter('one', 4_000).then(() => left.push(clock.monotonicMs() - startMs)),
    );
    await drive(Promise.all(calls));
    expect(left[0]).toBe(0);
    expect(densest(left, 1_000)).toBeLessThanOrEqual(80);
    expect(Math.max(...left)).toBeLessThan(4_000);
  });

  it('keeps a minute exactly, also across its borders', async () => {
    const { queue, clock, drive } = queueOf([{ quota: 10, windowSeconds: 60 }]);
    const left: number[] = [];
    const enter = () => queue.enter('one', 70_000).then(() => left.push(clock.monotonicMs()));
    await enter();
    clock.advance(59_000);
    await Promise.all(Array.from({ length: 9 }, enter));
    const later = Array.from({ length: 10 }, enter);
    await drive(Promise.all(later));
    expect(left).toHaveLength(20);
    expect(densest(left, 60_000)).toBe(10);
  });

  it('lets 10,000 out in a day, and says of the next one how long the day lasts', async () => {
    const { queue, clock } = queueOf([{ quota: 10_000, windowSeconds: DAY_SECONDS }]);
    for (let i = 0; i < 10_000; i += 1) await queue.enter('one', 4_000);
    clock.advance(3_600_000);
    const refusal = await refusalOf(queue.enter('one', 4_000));
    expect(refusal.reason).toBe('limit');
    expect(refusal.retryAfterMs).toBe((DAY_SECONDS - 3_600) * 1_000 + 250);
    clock.advance(refusal.retryAfterMs);
    await queue.enter('one', 4_000);
  });

  it('keeps the order within a caller and gives every caller its turn', async () => {
    const { queue, drive } = queueOf([{ quota: 10, windowSeconds: 1 }]);
    const order: string[] = [];
    const enter = (lane: string, n: number) => queue.enter(lane, 4_000).then(() => order.push(`${lane}${n}`));
    const calls = [
      ...Array.from({ length: 20 }, (_none, n) => enter('busy', n)),
      enter('calm', 0),
      enter('calm', 1),
    ];
    await drive(Promise.all(calls));
    expect(order.filter((one) => one.startsWith('busy'))).toEqual(
      Array.from({ length: 20 }, (_none, n) => `busy${n}`),
    );
    expect(order.indexOf('calm0')).toBeLessThan(4);
    expect(order.indexOf('calm1')).toBeLessThan(6);
  });

  it('keeps no caller waiting for the calls that another one has in line beyond its turns', async () => {
    const { queue, clock, drive } = queueOf([{ quota: 10, windowSeconds: 1 }]);
    const busy = Promise.allSettled(Array.from({ length: 500 }, () => queue.enter('busy', 4_000)));
    const startMs = clock.monotonicMs();
    await drive(queue.enter('calm', 1_000));
    expect(clock.monotonicMs() - startMs).toBeLessThan(400);
    await drive(busy);
  });

  it('makes room for a caller with few calls at the cost of the one with most', async () => {
    const { queue, drive } = queueOf([{ quota: 10, windowSeconds: 1 }], { maxWaiting: 10 });
    const busy = Array.from({ length: 11 }, () => queue.enter('busy', 4_000));
    const last = refusalOf(busy.at(-1) as Promise<void>);
    const calm = queue.enter('calm', 4_000);
    expect((await last).reason).toBe('full');
    expect((await refusalOf(queue.enter('busy', 4_000))).reason).toBe('full');
    expect(queue.waiting()).toBe(10);
    await drive(Promise.all([calm, ...busy.slice(0, -1)]));
  });

  it('leaves each of several callers its part of a day, also when processes count together', async () => {
    const day = [{ quota: 10, windowSeconds: DAY_SECONDS }];
    const sharers = ['north', 'south'];
    const clock = createTestClock();
    const sharedCounter = createMemoryLimitCounter({ clock });
    const alone = queueOf(day, { sharers });
    const fleet = [
      queueOf(day, { sharers, clock, sharedCounter }),
      queueOf(day, { sharers, clock, sharedCounter }),
    ];
    for (const [first, second] of [[alone, alone], fleet] as (typeof alone)[][]) {
      if (!first || !second) throw new Error('two queues are needed');
      for (let i = 0; i < 5; i += 1) await (i % 2 === 0 ? first : second).queue.enter('south', 1_000);
      expect((await refusalOf(first.queue.enter('south', 1_000))).retryAfterMs).toBeGreaterThan(86_000_000);
      expect((await refusalOf(second.queue.enter('south', 1_000))).reason).toBe('limit');
      for (let i = 0; i < 5; i += 1) await second.queue.enter('north', 1_000);
      expect((await refusalOf(first.queue.enter('north', 1_000))).reason).toBe('limit');
    }
  });

  it('never sets a timer for a moment that has passed', async () => {
    const clock = createTestClock();
    const timer = createManualTimer(clock);
    const asked: number[] = [];
    // Time passes between two looks at the clock, as on a machine that is busy.
    let looks = 0;
    const slow = {
      ...clock,
      monotonicMs: () => {
        clock.advance([0, 6, 2, 9, 3, 0, 4][(looks += 1) % 7] as number);
        return clock.monotonicMs();
      },
    };
    const queue = createCallQueue(
      { name: 'partner', windows: [{ quota: 80, windowSeconds: 1 }], maxWaiting: 100 },
      {
        clock: slow,
        startTimer: (ms, run) => {
          asked.push(ms);
          return timer.startTimer(ms, run);
        },
      },
    );
    const calls = Promise.all(Array.from({ length: 60 }, () => queue.enter('one', 60_000)));
    await timer.drive(calls, () => false);
    expect(Math.min(...asked)).toBeGreaterThanOrEqual(0);
  });

  it('refuses at once what could not leave in time, with the time to wait', async () => {
    const { queue, clock } = queueOf([{ quota: 2, windowSeconds: 60 }]);
    await queue.enter('one', 1_000);
    await queue.enter('one', 1_000);
    clock.advance(10_000);
    const refusal = await refusalOf(queue.enter('one', 1_000));
    expect(refusal).toMatchObject({ reason: 'limit', retryAfterMs: 50_250 });
    expect(queue.waiting()).toBe(0);
  });

  it('holds a bounded number and refuses the rest', async () => {
    const { queue, drive } = queueOf([{ quota: 1, windowSeconds: 1 }], { maxWaiting: 2 });
    await queue.enter('one', 4_000);
    const waiting = [queue.enter('one', 4_000), queue.enter('two', 4_000)];
    expect((await refusalOf(queue.enter('three', 4_000))).reason).toBe('full');
    await drive(Promise.all(waiting));
    expect(queue.waiting()).toBe(0);
  });

  it('lets nobody out while the partner wants quiet, and refuses whom that takes too long', async () => {
    const { queue, clock, drive } = queueOf([{ quota: 10, windowSeconds: 1 }]);
    queue.pause(2_000);
    const startMs = clock.monotonicMs();
    await drive(queue.enter('one', 4_000));
    expect(clock.monotonicMs() - startMs).toBe(2_000);
    const impatient = queue.enter('one', 4_000);
    queue.pause(60_000);
    expect((await refusalOf(impatient)).retryAfterMs).toBe(60_000);
  });

  it('counts what left just before the process was held up as leaving after it', async () => {
    const { queue, clock, timer } = queueOf([{ quota: 80, windowSeconds: 1 }]);
    const left: number[] = [];
    const calls = Array.from({ length: 200 }, () =>
      queue.enter('one', 10_000).then(() => left.push(clock.monotonicMs())),
    );
    for (let i = 0; i < 30; i += 1) {
      timer.step();
      await Promise.resolve();
    }
    clock.advance(1_000);
    const heldUpMs = clock.monotonicMs();
    await timer.drive(Promise.all(calls), () => false);
    expect(left.filter((ms) => ms < heldUpMs).length).toBeGreaterThan(20);
    expect(left.filter((ms) => ms >= heldUpMs && ms < heldUpMs + 1_100).length).toBeLessThanOrEqual(75);
  });

  it('shares a window with other processes through the counter', async () => {
    const clock = createTestClock();
    const sharedCounter = createMemoryLimitCounter({ clock });
    const windows = [{ quota: 4, windowSeconds: 60 }];
    const first = queueOf(windows, { clock, sharedCounter });
    const second = queueOf(windows, { clock, sharedCounter });
    for (const { queue } of [first, second, first, second]) await queue.enter('one', 1_000);
    expect((await refusalOf(first.queue.enter('one', 1_000))).reason).toBe('limit');
    expect((await refusalOf(second.queue.enter('one', 1_000))).retryAfterMs).toBe(60_000);
  });

  it('goes on by itself when the shared counter is away', async () => {
    const away: LimitCounter = { shared: true, count: () => Promise.reject(new Error('away')) };
    const { queue } = queueOf([{ quota: 1, windowSeconds: 60 }], { sharedCounter: away });
    await queue.enter('one', 1_000);
    expect((await refusalOf(queue.enter('one', 1_000))).reason).toBe('limit');
  });
});
