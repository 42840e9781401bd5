import { sql } from 'kysely';
import type { AuditReader, ChainHead } from '../../audit/audit-record.ts';
import { chainedRecordOf } from './audit-rows.ts';
import { mayBeStored } from './rows.ts';
import type { Database, Schema } from './schema.ts';

/** A row of `audit_chains` as the rooms see it. A checkpoint that is not whole counts as one that nobody sealed. */
export function headOf(row: Schema['audit_chains']): ChainHead {
  const { chain, sequence, hash, pruned_sequence: prunedUpTo } = row;
  if (prunedUpTo === null) return { chain, sequence, hash };
  return {
    chain,
    sequence,
    hash,
    checkpoint: {
      sequence: prunedUpTo,
      hash: row.pruned_hash ?? '',
      prunedAtMs: row.pruned_at_ms ?? 0,
      seal: row.pruned_seal ?? '',
    },
  };
}

/** Reads chains, also within a transaction. */
export function createAuditReader(db: Database): AuditReader {
  return {
    async heads() {
      const rows = await db.selectFrom('audit_chains').selectAll().orderBy('chain').execute();
      return rows.map(headOf);
    },
    async readChain(chain, afterSequence, limit) {
      if (!mayBeStored(chain)) return [];
      const rows = await db
        .selectFrom('audit_records')
        .selectAll()
        .where('chain', '=', chain)
        .where('sequence', '>', afterSequence)
        .orderBy('sequence')
        .limit(limit)
        .execute();
      return rows.map(chainedRecordOf);
    },
    async chainsWithRecords() {
      // From name to name along the primary key: `distinct` would read every record.
      const { rows } = await sql<{ chain: string }>`
        with recursive names (chain) as (
          select min(chain) from audit_records
          union all
          select (select min(chain) from audit_records where chain > names.chain) from names where chain is not null
        )
        select chain from names where chain is not null order by chain`.execute(db);
      return rows.map(({ chain }) => chain);
    },
  };
}
