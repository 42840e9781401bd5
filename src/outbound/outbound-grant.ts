/** A grant that a person at the other side gave us in a browser, as it is kept: sealed, one for each connection. */
export interface StoredGrant {
  connection: string;
  /** Grows with every change; a change names the version that it rests on. */
  version: number;
  sealed: string;
  updatedAtMs: number;
}

export interface OutboundGrantStore {
  find(connection: string): Promise<StoredGrant | undefined>;
  /**
   * Stores a grant if the one that is kept still has the version before it (0: there is none). Of two processes that
   * change it at once exactly one is told `stored`.
   */
  store(grant: StoredGrant): Promise<'stored' | 'outdated'>;
}
