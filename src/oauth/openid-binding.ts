import { MAX_CUSTOMER_TOKEN_SECONDS } from '../tokens/customer-token.ts';
import type { Revocations } from '../revocation/revocations.ts';

/** What comes of an OpenID Connect request belongs to one session of the customer, and ends with it. */
export interface SessionBinding {
  sid: string;
  /** Nothing that comes of it lives longer; Unix milliseconds. */
  endsAtMs: number;
}

/**
 * Longest life of what comes of one code. The end of a session is remembered for at least this long, so nothing that
 * it ended can come back to life; a vendor's page asks for a fresh code long before.
 */
const MAX_BOUND_SECONDS = MAX_CUSTOMER_TOKEN_SECONDS;

/** Binds what a code will bring to the session: until the session is over, and eight hours at most. */
export function bindToSession(session: { sid: string; endsAtMs: number }, nowMs: number): SessionBinding {
  return { sid: session.sid, endsAtMs: Math.min(session.endsAtMs, nowMs + MAX_BOUND_SECONDS * 1000) };
}

/** Whether the session that something is bound to is over. What is bound to none never ends this way. */
export function isBoundOver(
  binding: SessionBinding | undefined,
  now: { nowMs: number; givenAtMs: number; revocations: Revocations },
): boolean {
  if (!binding) return false;
  return now.nowMs >= binding.endsAtMs || now.revocations.isRevoked('session', binding.sid, now.givenAtMs);
}
