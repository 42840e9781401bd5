/** What can be taken back. `customer` with a cutoff ends everything that was issued up to that moment. */
export type RevocationKind = 'session' | 'customer' | 'client' | 'api_key' | 'partner' | 'token';

export interface Revocation {
  kind: RevocationKind;
  id: string;
  /** What was issued up to and including this moment is revoked. */
  cutoffMs: number;
  /** From here on nothing that it revokes can still be alive, so the row may go. */
  expiresAtMs: number;
}

export interface RevocationStore {
  /** Adds rows; each gets the next number. */
  add(revocations: readonly Revocation[]): Promise<void>;
  /** Rows with a number above `sequence` that have not expired at `nowMs`, and the highest number there is. */
  since(sequence: number, nowMs: number): Promise<{ revocations: Revocation[]; sequence: number }>;
  /** Deletes rows that expired before `nowMs`. */
  prune(nowMs: number): Promise<number>;
}
