import { type Clock, createJumpDetector } from './clock.ts';
import type { Logger } from './logger.ts';

/** Something to do again and again. */
export interface RecurringTask {
  /** For the log. */
  name: string;
  everyMs: number;
  run(): Promise<unknown>;
}

/** Runs recurring tasks, each never beside itself; a failing one is reported once until it works again. */
export function startWatching(deps: { clock: Clock; logger: Logger; every: readonly RecurringTask[] }): {
  stop(): void;
} {
  const { clock, logger, every } = deps;
  const jumped = createJumpDetector(clock);
  const timers = every.map(({ name, everyMs, run }) => {
    let busy = false;
    let failing = false;
    const timer = setInterval(() => {
      const jumpMs = jumped();
      if (jumpMs !== 0) logger.log('warn', { event: 'clock.jumped', jump_ms: jumpMs });
      if (busy) return;
      busy = true;
      run()
        .then(
          () => {
            if (failing) logger.log('info', { event: 'watch.recovered', reason: name });
            failing = false;
          },
          (error: unknown) => {
            if (!failing) logger.unexpected('watch.failed', error, { reason: name });
            failing = true;
          },
        )
        .finally(() => {
          busy = false;
        });
    }, everyMs);
    timer.unref();
    return timer;
  });
  return { stop: () => timers.forEach(clearInterval) };
}
