import { BridgeError } from '../errors.ts';

/** What is kept of a secret of a key or a client, beside what proves it. */
export interface KeptSecret {
  /** Names the secret in lists and reports; opens nothing. */
  secretId: string;
  createdAtMs: number;
  /** A replaced secret ends here; its holder is told that it has expired. */
  expiresAtMs: number | undefined;
  /** A compromised secret: from here on it is like one that never was. */
  revokedAtMs: number | undefined;
  /** Written some seconds after the fact. */
  firstUsedAtMs: number | undefined;
  lastUsedAtMs: number | undefined;
  /** While a rotation waits for its successor's first use: how long it lives on from then. */
  graceMs?: number | undefined;
}

/** How a secret is replaced without a flag day. */
export interface RotationOptions {
  /**
   * How long the old secret lives on after its successor is first used, in seconds. Default 604,800 (seven days), at
   * most 7,776,000 (ninety days).
   */
  graceSeconds?: number | undefined;
  /** When the old secret ends at the latest, used or not. Default: in thirty days; at most a year from now. */
  latestEndMs?: number | undefined;
}

/** What becomes of the old secret. */
export interface RotationPlan {
  graceMs: number;
  /** Its end until its successor is used; that use can only bring the end nearer. */
  latestEndMs: number;
}

/** A replaced secret whose successor is in use, so that its grace is running from `firstUsedAtMs` on. */
export interface DueGrace {
  /** The key or client that the secrets belong to. */
  ownerId: string;
  secretId: string;
  /** When the successor was first used. */
  firstUsedAtMs: number;
  graceMs: number;
  /** Its end as planned so far. */
  expiresAtMs: number | undefined;
}

const DAY_MS = 86_400_000;
const DEFAULT_GRACE_MS = 7 * DAY_MS;
const DEFAULT_LATEST_MS = 30 * DAY_MS;
const MAX_GRACE_MS = 90 * DAY_MS;
const MAX_LATEST_MS = 366 * DAY_MS;

function refuse(member: string, message: string): never {
  throw new BridgeError('INVALID_REQUEST', { message, details: { member } });
}

/**
 * The plan for a secret that is replaced now; `oldEndMs` is the end that it has already, which a rotation never moves
 * further away. Throws `INVALID_REQUEST`.
 */
export function planRotation(
  nowMs: number,
  options: RotationOptions,
  oldEndMs: number | undefined,
): RotationPlan {
  const graceMs = options.graceSeconds === undefined ? DEFAULT_GRACE_MS : options.graceSeconds * 1000;
  if (graceMs < 0 || graceMs > MAX_GRACE_MS) {
    refuse('grace_seconds', 'The grace of a replaced secret is at most ninety days.');
  }
  const latestEndMs = options.latestEndMs ?? nowMs + DEFAULT_LATEST_MS;
  if (latestEndMs <= nowMs || latestEndMs > nowMs + MAX_LATEST_MS) {
    refuse('latest_end', 'A replaced secret ends in the future and within a year.');
  }
  return { graceMs, latestEndMs: Math.min(latestEndMs, oldEndMs ?? Infinity) };
}

/** When a successor counts as made: after every older secret, also within one millisecond. */
export function successorTimeMs(nowMs: number, older: readonly { createdAtMs: number }[]): number {
  return older.reduce((latestMs, { createdAtMs }) => Math.max(latestMs, createdAtMs + 1), nowMs);
}

/** When a replaced secret ends, now that its successor is in use. */
export function graceEndMs({ firstUsedAtMs, graceMs, expiresAtMs }: DueGrace): number {
  return Math.min(firstUsedAtMs + graceMs, expiresAtMs ?? Infinity);
}
