import type { ClientId } from '../clients/client.ts';

/** An authorization code as it is stored; the code itself is in the redirect and nowhere else. */
export interface StoredAuthorizationCode {
  /** SHA-256 of the code, base64url. */
  digest: string;
  clientId: ClientId;
  /** Names the authorization: all that comes of the code carries it. */
  grantId: string;
  /** What the code is bound to, sealed. */
  sealedPayload: string;
  createdAtMs: number;
  expiresAtMs: number;
}

export type CodeConsumption =
  | { result: 'consumed'; code: StoredAuthorizationCode }
  /** It was used before: whatever came of it has to go. */
  | { result: 'reused'; code: StoredAuthorizationCode }
  | { result: 'unknown' };

export interface AuthorizationCodeStore {
  insert(code: StoredAuthorizationCode): Promise<void>;
  /** Uses a code up: `consumed` for exactly one caller however many try at once. Expired codes are `unknown`. */
  consume(digest: string, nowMs: number): Promise<CodeConsumption>;
  /**
   * Whether a second use was seen by now. Asked after something lasting was made of a code: either this says so, or
   * whoever sees the second use finds what was made.
   */
  wasReused(digest: string): Promise<boolean>;
  /** Deletes codes that expired by these moments, unused or used ones; returns how many. */
  prune(expiredBy: { unusedMs: number; usedMs: number }): Promise<number>;
}
