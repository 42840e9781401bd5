import { SymbolonError } from './symbolon-error.ts';

const FIRST_PAUSE_MS = 1_000;
const MAX_OWN_PAUSE_MS = 30_000;
const MAX_PAUSE_MS = 600_000;
/** The largest part by which a pause is shortened, so that the pages of many customers do not come back at once. */
const JITTER_SHARE = 0.3;

/** Keeps a page from hammering a bridge that is down or asks for quiet. */
export interface Backoff {
  /** Throws `unavailable` while the pause after the last failure lasts. */
  check(): void;
  /** Notes a failure and returns it with `retryAfterMs` set; other failures than "not now" come back as they are. */
  failed(error: SymbolonError): SymbolonError;
  clear(): void;
}

/** Pauses of 1, 2, 4 … 30 seconds, each up to 30 % shorter, or what the bridge asks for (at most ten minutes). */
export function createBackoff(now: () => number, random: () => number): Backoff {
  let failures = 0;
  let quietUntilMs = 0;
  return {
    check() {
      const waitMs = quietUntilMs - now();
      // A wait longer than any pause means that the clock went back: then ask.
      if (waitMs > 0 && waitMs <= MAX_PAUSE_MS) {
        throw new SymbolonError('unavailable', 'Too soon after a failure.', { retryAfterMs: waitMs });
      }
    },
    failed(error) {
      if (error.code !== 'unavailable' && error.code !== 'rate_limited') return error;
      const ownPauseMs = Math.min(MAX_OWN_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures++);
      const spreadMs = ownPauseMs * (1 - JITTER_SHARE * random());
      const retryAfterMs = Math.min(MAX_PAUSE_MS, error.retryAfterMs ?? spreadMs);
      quietUntilMs = now() + retryAfterMs;
      return Object.assign(error, { retryAfterMs });
    },
    clear() {
      failures = quietUntilMs = 0;
    },
  };
}
