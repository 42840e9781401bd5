import { setImmediate as othersGoFirst } from 'node:timers/promises';
import type { StartTimer } from '../../src/platform/timer.ts';
import type { TestClock } from './clock.ts';

export interface ManualTimer {
  startTimer: StartTimer;
  /** Lets time pass until the next timer is due, and runs it. False when none runs. */
  step(): boolean;
  /**
   * Lets time pass, timer by timer, until `work` is done. Time stands still while `busy` says that something real is
   * under way, so that real servers answer at the moment they were asked.
   */
  drive<T>(work: Promise<T>, busy: () => boolean): Promise<T>;
}

/** Rounds of the event loop without anything under way after which nothing more will begin by itself. */
const QUIET_ROUNDS = 20;

/** Timers that run when the test's clock reaches them. */
export function createManualTimer(clock: TestClock): ManualTimer {
  const timers = new Set<{ dueMs: number; run: () => void }>();
  const step = (): boolean => {
    const [first] = [...timers].sort((a, b) => a.dueMs - b.dueMs);
    if (!first) return false;
    timers.delete(first);
    clock.advance(Math.max(0, first.dueMs - clock.monotonicMs()));
    first.run();
    return true;
  };
  return {
    startTimer: (ms, run) => {
      const timer = { dueMs: clock.monotonicMs() + ms, run };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    step,
    async drive(work, busy) {
      const state = { settled: false };
      const done = work.finally(() => {
        state.settled = true;
      });
      done.catch(() => {});
      for (let quiet = 0; !state.settled; ) {
        await othersGoFirst();
        quiet = busy() ? 0 : quiet + 1;
        if (quiet < QUIET_ROUNDS) continue;
        quiet = 0;
        step();
      }
      return done;
    },
  };
}
