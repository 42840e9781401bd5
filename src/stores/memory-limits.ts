import type {
  CountedSubject,
  CountedWindow,
  LocalLimitCounter,
  WindowState,
} from '../limits/limit-counter.ts';
import type { Clock } from '../platform/clock.ts';

interface Running {
  windowMs: number;
  used: number;
  endsAtMs: number;
}

/** Subjects remembered of one kind. Each kind has its own room, so that a flood of addresses displaces no key. */
const MAX_SUBJECTS_PER_KIND = 100_000;
const SWEEP_EVERY_MS = 10_000;

export interface MemoryLimitsOptions {
  clock: Pick<Clock, 'monotonicMs'>;
  /** Default 100,000. When that many windows run at once, the subject that came first is forgotten. */
  maxSubjectsPerKind?: number;
}

/** Counts within the process; a restart begins anew. The same arithmetic as the script in `redis-limits.ts`. */
export function createMemoryLimitCounter(
  options: MemoryLimitsOptions,
): LocalLimitCounter & { subjects(): number } {
  const { clock, maxSubjectsPerKind = MAX_SUBJECTS_PER_KIND } = options;
  const kinds = new Map<string, Map<string, Running[]>>();
  let sweptAtMs = clock.monotonicMs();

  const sweep = (nowMs: number) => {
    sweptAtMs = nowMs;
    for (const subjects of kinds.values()) {
      for (const [id, running] of subjects) {
        if (running.every(({ endsAtMs }) => endsAtMs <= nowMs)) subjects.delete(id);
      }
    }
  };

  const subjectsOf = (kind: string): Map<string, Running[]> => {
    let subjects = kinds.get(kind);
    if (!subjects) kinds.set(kind, (subjects = new Map()));
    return subjects;
  };

  const windowOf = (running: readonly Running[] | undefined, windowMs: number): Running | undefined => {
    if (running) for (const one of running) if (one.windowMs === windowMs) return one;
    return undefined;
  };

  /** Where the running window of this length stands, or one that has not begun. */
  const look = (
    running: readonly Running[] | undefined,
    { quota, windowMs }: CountedWindow,
    nowMs: number,
  ): WindowState => {
    const one = windowOf(running, windowMs);
    return one && one.endsAtMs > nowMs
      ? { left: Math.max(0, quota - one.used), endsInMs: one.endsAtMs - nowMs }
      : { left: quota, endsInMs: 0 };
  };

  const take = ({ kind, id, windows }: CountedSubject, nowMs: number) => {
    const subjects = subjectsOf(kind);
    let running = subjects.get(id);
    if (!running) {
      if (subjects.size >= maxSubjectsPerKind) sweep(nowMs);
      const oldest = subjects.size >= maxSubjectsPerKind ? subjects.keys().next().value : undefined;
      if (oldest !== undefined) subjects.delete(oldest);
      subjects.set(id, (running = []));
    }
    for (const { windowMs } of windows) {
      let one = windowOf(running, windowMs);
      if (!one) running.push((one = { windowMs, used: 0, endsAtMs: 0 }));
      if (one.endsAtMs <= nowMs) {
        one.used = 0;
        one.endsAtMs = nowMs + windowMs;
      }
      one.used += 1;
    }
  };

  return {
    shared: false,
    subjects: () => [...kinds.values()].reduce((sum, { size }) => sum + size, 0),
    count: (counted) => {
      const nowMs = clock.monotonicMs();
      if (nowMs - sweptAtMs >= SWEEP_EVERY_MS) sweep(nowMs);
      const states: WindowState[] = [];
      let admitted = true;
      for (const { kind, id, windows } of counted) {
        const running = subjectsOf(kind).get(id);
        for (const window of windows) {
          const state = look(running, window, nowMs);
          if (state.left === 0) admitted = false;
          states.push(state);
        }
      }
      if (!admitted) return { admitted, windows: states };
      let position = 0;
      for (const subject of counted) {
        const takes = subject.mode !== 'look' && subject.windows.length > 0;
        if (takes) take(subject, nowMs);
        for (const { windowMs } of subject.windows) {
          const state = states[position++] as WindowState;
          if (!takes) continue;
          state.left -= 1;
          if (state.endsInMs === 0) state.endsInMs = windowMs;
        }
      }
      return { admitted, windows: states };
    },
  };
}
