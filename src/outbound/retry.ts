import type { AnswerPath } from './json-answer.ts';
import { readJsonObject, valueAt } from './json-answer.ts';
import { OutboundError, type OutboundRequest, type OutboundResponse } from './outbound-types.ts';

/** Repeats that a destination may get: one for every ten calls, and ten in reserve. */
export interface RetryBudget {
  onCall(): void;
  /** Takes one repeat; `false` when there is none left. */
  take(): boolean;
  /** Whole repeats left. */
  left(): number;
}

const RESERVE = 10;
const PER_CALL = 0.1;

/** However badly a destination does, repeats add a tenth to its calls at most. */
export function createRetryBudget(): RetryBudget {
  let held = RESERVE;
  return {
    onCall: () => {
      if (held < RESERVE) held = Math.min(RESERVE, held + PER_CALL);
    },
    take: () => {
      if (held < 1) return false;
      held -= 1;
      return true;
    },
    left: () => Math.floor(held),
  };
}

const IDEMPOTENT: ReadonlySet<OutboundRequest['method']> = new Set(['GET', 'PUT', 'DELETE']);

/** RFC 9110 section 9.2.2. */
export function isIdempotent(request: OutboundRequest): boolean {
  return IDEMPOTENT.has(request.method);
}

/** Statuses that say "not now", not "not this". */
export function saysLater(response: OutboundResponse): boolean {
  const { status } = response;
  return status === 429 || status === 502 || status === 503 || status === 504;
}

/** A connection that could not be had or was cut before an answer; what ran out of time has no time for another try. */
export function isPassing(error: unknown): boolean {
  return error instanceof OutboundError && error.failure === 'unreachable';
}

/** Nobody is told to stay away for longer than this; milliseconds. */
export const MAX_PAUSE_MS = 60_000;

function secondsToMs(seconds: number): number | undefined {
  return Number.isFinite(seconds) && seconds >= 0 ? Math.min(seconds * 1_000, MAX_PAUSE_MS) : undefined;
}

/**
 * How long a 429 or 503 asks us to wait: `Retry-After` as seconds or as a date (RFC 9110 section 10.2.3), else the
 * number of seconds that stands in the body at `bodyPath`. Milliseconds, at most a minute; `undefined` where the
 * answer does not say.
 */
export function statedPauseMs(
  response: OutboundResponse,
  nowMs: number,
  bodyPath: AnswerPath | undefined,
): number | undefined {
  if (response.status !== 429 && response.status !== 503) return undefined;
  const stated = response.headers['retry-after'];
  if (stated !== undefined) {
    if (/^\d{1,9}$/.test(stated)) return secondsToMs(Number(stated));
    const dateMs = Date.parse(stated);
    if (!Number.isNaN(dateMs)) return secondsToMs(Math.max(0, dateMs - nowMs) / 1_000);
  }
  if (!bodyPath) return undefined;
  const inBody = valueAt(readJsonObject(response), bodyPath);
  return typeof inBody === 'number' ? secondsToMs(inBody) : undefined;
}
