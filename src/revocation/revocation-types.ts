/**
 * What can be taken back. `customer` with a cutoff ends everything that was issued up to that moment;
 * `api_key_record` and `client_record` end only what was read of a record before it changed, `client_tokens` only the
 * access tokens of a client.
 */
export type RevocationKind =
  | 'session'
  | 'customer'
  | 'client'
  | 'client_record'
  | 'client_tokens'
  | 'api_key'
  | 'api_key_record'
  | 'partner'
  | 'token'
  /** What the company said of somebody, known by their hidden reference, before they signed out there. */
  | 'reference'
  /** One authorization (a code and all that came of it), or a client's whole access to one customer. */
  | 'grant';

export interface Revocation {
  kind: RevocationKind;
  id: string;
  /** What was issued up to and including this moment is revoked. */
  cutoffMs: number;
  /** From here on nothing that it revokes can still be alive, so the row may go. */
  expiresAtMs: number;
}

/** When something ends, and what tells every process so: rows that are written in the same transaction. */
export interface EndWithRevocations {
  atMs: number;
  revocations?: readonly Revocation[];
}

export interface RevocationStore {
  /** Adds rows; each gets the next number. */
  add(revocations: readonly Revocation[]): Promise<void>;
  /** Rows with a number above `sequence` that have not expired at `nowMs`, and the highest number there is. */
  since(sequence: number, nowMs: number): Promise<{ revocations: Revocation[]; sequence: number }>;
  /** Deletes rows that expired before `nowMs`. */
  prune(nowMs: number): Promise<number>;
}
