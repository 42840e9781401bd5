/**
 * Audit: what happened, who did it, to whom, and why. This room owns the shape of a record, the hash chain and one
 * function per security event; it never decides whether something may happen. Called by the use cases and the edge.
 */
export interface AuditRecord {
  atMs: number;
  /** A name from `AuditEventName`. */
  event: string;
  outcome: 'success' | 'refused' | 'failed';
  /** Who acted: `customer`, `partner`, `admin` (with the surface it came by), `system`. */
  actor: string;
  partner?: string | undefined;
  clientId?: string | undefined;
  /** First characters of an API key, never the whole. */
  keyPrefix?: string | undefined;
  customerId?: string | undefined;
  channel?: string | undefined;
  address?: string | undefined;
  requestId?: string | undefined;
  /** Error code of a refusal, or the reason an operator gave. */
  reason?: string | undefined;
  /** Further facts without secrets or personal data: names of backends, counts, states. */
  details?: Record<string, string | number | boolean> | undefined;
}

/** A record in its place in a chain: `hash` covers the record, its number and the hash before it. */
export interface ChainedAuditRecord extends AuditRecord {
  chain: string;
  sequence: number;
  hash: string;
}

/** The chain of administrative changes, written in the transaction of the change itself. */
export const CHANGES_CHAIN = 'changes';

/** Event in the chain of changes that names a process chain, so that one that vanishes whole is missed. */
export const CHAIN_BEGUN = 'audit.chain_begun';

/** Computes the hash of a record that follows `previousHash` (empty at the start of a chain). */
export type LinkAuditRecord = (
  chain: string,
  sequence: number,
  previousHash: string,
  record: AuditRecord,
) => string;

/** Up to where retention took a chain's records away; `audit-chain.ts` seals it and tells whether it was sealed here. */
export interface ChainCheckpoint {
  /** Number and hash of the last record that was taken away. */
  sequence: number;
  hash: string;
  prunedAtMs: number;
  seal: string;
}

/** How far a chain has come, and from where on its records are kept. */
export interface ChainHead {
  chain: string;
  sequence: number;
  hash: string;
  /** `undefined`: nothing was ever taken away. */
  checkpoint?: ChainCheckpoint | undefined;
}

export interface AuditQuery {
  chain?: string;
  event?: string;
  customerId?: string;
  requestId?: string;
  sinceMs?: number;
  /** Newest first; at most this many. */
  limit: number;
}

/** Reads chains as a whole. */
export interface AuditReader {
  /** The newest end of every chain, kept apart from its records: a cut-off end shows against it. */
  heads(): Promise<ChainHead[]>;
  /** Records of one chain in order, from `afterSequence` on, at most `limit`. */
  readChain(chain: string, afterSequence: number, limit: number): Promise<ChainedAuditRecord[]>;
  /** Names of all chains that have records, whether or not a head speaks of them. */
  chainsWithRecords(): Promise<string[]>;
}

/** Where audit records are kept. Records are only ever appended, and taken away by retention (`audit-retention.ts`). */
export interface AuditStore extends AuditReader {
  /** Appends records to a chain in one transaction, each linked to the one before it. */
  append(chain: string, records: readonly AuditRecord[]): Promise<void>;
  list(query: AuditQuery): Promise<ChainedAuditRecord[]>;
}
