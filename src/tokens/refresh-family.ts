/** A refresh family as it is stored: one authorization's line of refresh tokens, of which one is alive at a time. */
export interface StoredRefreshFamily {
  familyId: string;
  /** Whose tokens these are: a client id, or a channel. */
  holder: string;
  customerId: string;
  /** What the holder keeps with the family, sealed. */
  sealedPayload: string;
  /** Counts from 0; grows with each rotation. */
  generation: number;
  /** SHA-256 of the token that is alive, base64url. */
  currentDigest: string;
  /** SHA-256 of its predecessor; `undefined` before the first rotation. */
  previousDigest: string | undefined;
  /** The answer that the predecessor got, sealed under a key derived from the predecessor itself. */
  sealedAnswer: string | undefined;
  createdAtMs: number;
  rotatedAtMs: number;
  /** Unused until then, the family is over. */
  idleExpiresAtMs: number;
  /** Over from here on, used or not. */
  expiresAtMs: number;
  endedAtMs: number | undefined;
}

/** What a rotation changes. */
export type FamilyRotation = Pick<
  StoredRefreshFamily,
  'currentDigest' | 'previousDigest' | 'sealedAnswer' | 'rotatedAtMs' | 'idleExpiresAtMs'
>;

export interface RefreshFamilyStore {
  insert(family: StoredRefreshFamily): Promise<void>;
  find(familyId: string): Promise<StoredRefreshFamily | undefined>;
  /** A customer's families that have not been ended, newest first; they may be over by age or idleness. */
  listOf(customerId: string): Promise<StoredRefreshFamily[]>;
  /**
   * Moves a living family one generation on, if the token with `presentedDigest` is still the living one: of many
   * callers with one token exactly one is told `rotated`.
   */
  rotate(familyId: string, presentedDigest: string, rotation: FamilyRotation): Promise<'rotated' | 'lost'>;
  /** Ends living families of a customer, all or those of one holder or one id; returns the ids of those it ended. */
  end(
    which: { familyId: string } | { customerId: string; holder?: string | undefined },
    nowMs: number,
  ): Promise<string[]>;
  /** Deletes families that were over before `nowMs`; returns how many. */
  prune(nowMs: number): Promise<number>;
}
