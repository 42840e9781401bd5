import type { RevocationStore } from '../../revocation/revocation-types.ts';
import { raiseCounter, readCounter } from './counters.ts';
import type { Revocation } from '../../revocation/revocation-types.ts';
import type { Database, DatabaseTransaction } from './schema.ts';

const COUNTER = 'revocations';
/** Rows in one insert: bounds the statement's parameters. */
const ROWS_PER_INSERT = 500;

/** Adds rows in a transaction that is under way, so that they stand or fall with what they belong to. */
export async function insertRevocations(
  trx: DatabaseTransaction,
  revocations: readonly Revocation[],
): Promise<void> {
  if (revocations.length === 0) return;
  const last = await raiseCounter(trx, COUNTER, revocations.length);
  const first = last - revocations.length + 1;
  const rows = revocations.map((revocation, offset) => ({
    sequence: first + offset,
    kind: revocation.kind,
    id: revocation.id,
    cutoff_ms: revocation.cutoffMs,
    expires_at_ms: revocation.expiresAtMs,
  }));
  for (let start = 0; start < rows.length; start += ROWS_PER_INSERT) {
    await trx
      .insertInto('revocations')
      .values(rows.slice(start, start + ROWS_PER_INSERT))
      .execute();
  }
}

/**
 * Numbers are given out under a lock that is held until they are committed: a reader who has seen a number has seen
 * every row below it, so a poll misses none.
 */
export function createRevocationStore(db: Database): RevocationStore {
  return {
    async add(revocations) {
      if (revocations.length === 0) return;
      await db.transaction().execute((trx) => insertRevocations(trx, revocations));
    },
    async since(sequence, nowMs) {
      const highest = await readCounter(db, COUNTER);
      if (highest <= sequence) return { revocations: [], sequence: highest };
      const rows = await db
        .selectFrom('revocations')
        .selectAll()
        .where('sequence', '>', sequence)
        .where('sequence', '<=', highest)
        .where('expires_at_ms', '>', nowMs)
        .orderBy('sequence')
        .execute();
      const revocations = rows.map((row) => ({
        kind: row.kind,
        id: row.id,
        cutoffMs: row.cutoff_ms,
        expiresAtMs: row.expires_at_ms,
      }));
      return { revocations, sequence: highest };
    },
    async prune(nowMs) {
      const result = await db
        .deleteFrom('revocations')
        .where('expires_at_ms', '<=', nowMs)
        .executeTakeFirst();
      return Number(result.numDeletedRows);
    },
  };
}
