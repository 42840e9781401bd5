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
