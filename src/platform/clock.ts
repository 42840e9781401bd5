/**
 * Time as the rooms see it. Everything that expires asks a `Clock`, so a test moves the clock instead of
 * sleeping, and durations use a monotonic reading that a change of the wall clock does not touch.
 */
export interface Clock {
  /** Wall-clock time in milliseconds since the Unix epoch, UTC. */
  nowMs(): number;
  /** Milliseconds from an arbitrary start; never goes back. */
  monotonicMs(): number;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};

/** Whole seconds since the Unix epoch, as JWT NumericDate (RFC 7519 section 2) wants them. */
export function epochSeconds(clock: Clock): number {
  return Math.floor(clock.nowMs() / 1000);
}

/**
 * Clocks of two processes that pass for being in step may differ by this much; milliseconds. What names a later moment
 * than that as its beginning was made before the clock was set back.
 */
export const CLOCK_SKEW_MS = 60_000;

/**
 * Watches wall-clock time against monotonic time.
 * Returns the jump in milliseconds since the last call (positive: forwards), 0 while below `toleranceMs`.
 */
export function createJumpDetector(clock: Clock, toleranceMs = 2_000): () => number {
  let wall = clock.nowMs();
  let monotonic = clock.monotonicMs();
  return () => {
    const nextWall = clock.nowMs();
    const nextMonotonic = clock.monotonicMs();
    const jumpMs = nextWall - wall - (nextMonotonic - monotonic);
    wall = nextWall;
    monotonic = nextMonotonic;
    return Math.abs(jumpMs) > toleranceMs ? Math.round(jumpMs) : 0;
  };
}

/** A clock that was set wrong is found and put right within this time; milliseconds. */
const PATIENCE_MS = 3_600_000;

/** How the wall clock has gone since this was made, for whoever deletes what has expired. */
export interface ClockCourse {
  /**
   * Wall-clock time that follows a jump forwards only an hour later: what was used up or taken back is then still known
   * when the jump is undone, and its time has not come after all.
   */
  patientMs(): number;
  /** Whether the clock was ever set back: what expires later than anything made now can was made before that. */
  wasSetBack(): boolean;
}

/** To be asked every few minutes at least. */
export function createClockCourse(clock: Clock): ClockCourse {
  const jumped = createJumpDetector(clock);
  let behindMs = 0;
  let untilMs = 0;
  let setBack = false;
  const look = () => {
    const jumpMs = jumped();
    const nowMs = clock.monotonicMs();
    if (nowMs >= untilMs) behindMs = 0;
    if (jumpMs === 0) return;
    behindMs = Math.max(0, behindMs + jumpMs);
    untilMs = nowMs + PATIENCE_MS;
    setBack ||= jumpMs < 0;
  };
  return {
    patientMs: () => {
      look();
      return clock.nowMs() - behindMs;
    },
    wasSetBack: () => {
      look();
      return setBack;
    },
  };
}
