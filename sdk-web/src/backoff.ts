import { SymbolonError } from './symbolon-error.ts';

const FIRST_PAUSE_MS = 1_000;
const MAX_OWN_PAUSE_MS = 30_000;
const MAX_PAUSE_MS = 600_000;

/** Keeps a page from hammering a bridge that is down or asks for quiet. */
export interface Backoff {
  /** Throws `unavailable` while the pause after the last failure lasts. */
  check(): void;
  /** Notes a failure and returns it with `retryAfterMs` set; other failures than "not now" come back as they are. */
  failed(error: unknown): unknown;
  clear(): void;
}

/** Pauses of 1, 2, 4 … 30 seconds, or what the bridge asks for (at most ten minutes). */
export function createBackoff(now: () => number): Backoff {
  let failures = 0;
  let quietUntilMs = 0;
  return {
    check() {
      const waitMs = quietUntilMs - now();
      // A wait longer than any pause means that the clock went back: then ask.
      if (waitMs > 0 && waitMs <= MAX_PAUSE_MS) {
        throw new SymbolonError('unavailable', 'The bridge failed a moment ago.', { retryAfterMs: waitMs });
      }
    },
    failed(error) {
      if (!(error instanceof SymbolonError)) return error;
      const { code, message, retryAfterMs } = error;
      if (code !== 'unavailable' && code !== 'rate_limited') return error;
      const ownPauseMs = Math.min(MAX_OWN_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures++);
      const pauseMs = Math.min(MAX_PAUSE_MS, retryAfterMs ?? ownPauseMs);
      quietUntilMs = now() + pauseMs;
      const { status, serverCode, requestId } = error;
      return new SymbolonError(code, message, {
        status,
        serverCode,
        requestId,
        retryAfterMs: pauseMs,
        cause: error,
      });
    },
    clear() {
      failures = quietUntilMs = 0;
    },
  };
}
