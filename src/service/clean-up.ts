import type { ReplayStore } from '../replay/replay.ts';
import { type Clock, CLOCK_SKEW_MS, createClockCourse } from '../platform/clock.ts';
import type { RecurringTask } from '../platform/watch.ts';
import type { SessionLifetimes, SessionRecordStore } from '../sessions/session.ts';

const PRUNE_MS = 60_000;

/** Deletes what has expired, in a way that a clock which was set wrong for a while does no lasting harm. */
export function cleanUp(deps: {
  clock: Clock;
  sessions: SessionRecordStore;
  replays: ReplayStore;
  lifetimes: SessionLifetimes;
}): RecurringTask[] {
  const { clock, sessions, replays, lifetimes } = deps;
  const course = createClockCourse(clock);
  /** Kept, such a session would be live again once its time comes, whatever was signed out meanwhile. */
  const latestMs = () =>
    course.wasSetBack() ? clock.nowMs() + lifetimes.idleSeconds * 1_000 + CLOCK_SKEW_MS : Infinity;
  return [
    { name: 'replays', everyMs: PRUNE_MS, run: () => replays.prune(course.patientMs()) },
    { name: 'sessions', everyMs: PRUNE_MS, run: () => sessions.prune(course.patientMs(), latestMs()) },
  ];
}
