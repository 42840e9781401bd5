/**
 * Backends: the company's profile APIs that answer `/getprofile`. This room owns where the identifier goes, our own
 * credentials towards each backend, how its answer is mapped, and the proof that it speaks of the customer asked for.
 */
import type { CustomerIdentifier, CustomerReference } from '../identifiers/identifier.ts';
import type { PartnerId } from '../partners/partner.ts';
import type { FailureReason } from '../outbound/failure-reason.ts';

export interface BackendQuestion {
  customerId: CustomerIdentifier;
  reference: CustomerReference;
  /** Fields that the caller may see and wants; a backend that offers none of them is not asked. */
  fields: ReadonlySet<string>;
  /**
   * The partner that asks. Only with it an answer is remembered, for this partner alone, and many callers at once
   * share one call.
   */
  partner?: PartnerId;
  requestId: string;
  /** W3C Trace Context header for the call. */
  traceparent: string;
}

/** What became of one backend's part; shown to the partner under `sources`. */
export type SourceStatus = 'ok' | 'not_found' | 'timeout' | 'unavailable' | 'error';

export interface BackendAnswer {
  status: SourceStatus;
  /** Mapped fields; empty unless `ok`. */
  fields: Record<string, unknown>;
  /** Why it is not `ok`; for the operator alone. */
  reason?: FailureReason;
  /** How old a remembered answer is; absent when the backend has just given it. */
  ageMs?: number;
  /** It stands in for one that the backend failed to give; `reason` says how it failed. */
  stale?: true;
}

/** Whose data a backend holds: real customers', or made-up ones for trying out. */
export type BackendEnvironment = 'live' | 'test';

export interface Backend {
  readonly name: string;
  /** Keys of which environments it answers. */
  readonly environments: ReadonlySet<BackendEnvironment>;
  /** Names of the profile fields that this backend gives. */
  readonly fields: readonly string[];
  /** Never throws: a failure is a status. */
  ask(question: BackendQuestion): Promise<BackendAnswer>;
  /** Tries the connection and our credentials without a customer; says in a sentence what is wrong. */
  probe(): Promise<{ ok: boolean; message: string }>;
}
