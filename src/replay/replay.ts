/**
 * Replay: the memory of what may be used only once, such as an accepted request signature or the id of a proof. This
 * room owns the port and how an id is written; what may be used once, and until when, its callers know.
 */
import { hash } from 'node:crypto';
import { CLOCK_SKEW_MS } from '../platform/clock.ts';
import { lengthPrefixed } from '../platform/encoding.ts';

/** What is remembered; an id of one space says nothing about the same id in another. */
export type ReplaySpace =
  | 'signature-v1'
  | 'signature-v2'
  | 'client-assertion'
  | 'subject-token'
  | 'logout-token'
  | 'page-form'
  | 'customer-sign-in'
  | 'customer-sign-in-code'
  | 'connect-state'
  | 'credential-alert'
  | 'seen-address';

export type FirstUse = 'fresh' | 'replayed';

export interface ReplayStore {
  /**
   * Uses an id up: `fresh` for exactly one caller however many try at once on however many nodes, `replayed` for all
   * others, at least until `expiresAtMs` (Unix milliseconds). Throws `STORE_UNAVAILABLE` when nobody can tell; the
   * caller must then refuse.
   */
  consume(space: ReplaySpace, id: string, expiresAtMs: number): Promise<FirstUse>;
  /** Forgets ids that expired before `nowMs`; returns how many. */
  prune(nowMs: number): Promise<number>;
}

/** The id of something that several values name together: of fixed length, and giving none of them away. */
export function replayId(parts: readonly string[]): string {
  return hash('sha256', lengthPrefixed(parts), 'base64url');
}

/** Until when an id must be remembered that a node accepts until `endsAtMs` by its own clock (Unix milliseconds). */
export function rememberPastMs(endsAtMs: number): number {
  return endsAtMs + CLOCK_SKEW_MS;
}

/**
 * Until when a message must be remembered whose own time is accepted `windowMs` to both sides: twice the window from
 * now, and the difference of clocks.
 */
export function rememberUntilMs(nowMs: number, windowMs: number): number {
  return rememberPastMs(nowMs + 2 * windowMs);
}
