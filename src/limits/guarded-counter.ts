import type { Clock } from '../platform/clock.ts';
import type { CountedSubject, CountResult, LimitCounter, LocalLimitCounter } from './limit-counter.ts';

export interface GuardedCounterDeps {
  shared: LimitCounter;
  /** Counts in this process while the shared counter is away. */
  local: LocalLimitCounter;
  clock: Pick<Clock, 'monotonicMs'>;
  /** Share of every quota that holds while the shared counter is away, in percent. Default 25; never less than 1 request. */
  fallbackPercent?: number;
  /** Told when the shared counter goes away and when it is back. */
  onChange(state: 'away' | 'back', error?: unknown): void;
}

export interface GuardedCounter extends LimitCounter {
  /** Whether the shared counter was away at the last try. */
  isAway(): boolean;
}

/** While the shared counter is away one request in this time tries it; the others do not wait. */
const RETRY_AFTER_MS = 1_000;

/**
 * Counts with a shared counter, and on a smaller allowance in this process while that is away: limits are never off,
 * and nobody waits longer than one command of the store may take.
 */
export function createGuardedCounter(deps: GuardedCounterDeps): GuardedCounter {
  const { shared, local, clock, fallbackPercent = 25, onChange } = deps;
  let away = false;
  let retryAtMs = 0;

  const countLocally = (subjects: readonly CountedSubject[]): CountResult =>
    local.count(
      subjects.map((subject) => ({
        ...subject,
        windows: subject.windows.map(({ quota, windowMs }) => ({
          quota: Math.max(1, Math.floor((quota * fallbackPercent) / 100)),
          windowMs,
        })),
      })),
    );

  return {
    shared: true,
    isAway: () => away,
    count: async (subjects) => {
      if (away) {
        if (clock.monotonicMs() < retryAtMs) return countLocally(subjects);
        retryAtMs = clock.monotonicMs() + RETRY_AFTER_MS;
      }
      try {
        const result = await shared.count(subjects);
        if (away) {
          away = false;
          onChange('back');
        }
        return result;
      } catch (error) {
        retryAtMs = clock.monotonicMs() + RETRY_AFTER_MS;
        if (!away) {
          away = true;
          onChange('away', error);
        }
        return countLocally(subjects);
      }
    },
  };
}
