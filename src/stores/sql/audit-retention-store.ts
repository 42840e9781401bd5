import { sql } from 'kysely';
import type { AuditRetentionStore } from '../../audit/audit-retention.ts';
import type { LinkAuditRecord } from '../../audit/audit-record.ts';
import { createAuditReader, headOf } from './audit-reader.ts';
import { appendToChain, CHANGES, lockChain } from './audit-rows.ts';
import type { Database } from './schema.ts';

/** Takes records away from the beginnings of chains. Ends of chains are held in one order: that of changes first. */
export function createAuditRetentionStore(db: Database, link: LinkAuditRecord): AuditRetentionStore {
  const reader = createAuditReader(db);
  return {
    heads: reader.heads,
    readChain: reader.readChain,
    async firstRecords() {
      const { rows } = await sql<{ chain: string; atMs: number }>`
        select chain, at_ms as ${sql.ref('atMs')} from (
          select chain, (
            select at_ms from audit_records
            where audit_records.chain = audit_chains.chain
            order by sequence limit 1
          ) as at_ms
          from audit_chains
        ) as firsts
        where at_ms is not null
        order by at_ms, chain`.execute(db);
      return rows;
    },
    async newestBefore(beforeMs) {
      const row = await db
        .selectFrom('audit_records')
        .select('at_ms')
        .where('at_ms', '<', beforeMs)
        .orderBy('at_ms', 'desc')
        .limit(1)
        .executeTakeFirst();
      return row?.at_ms;
    },
    async prune(chain, decide) {
      await db.transaction().execute(async (trx) => {
        await lockChain(trx, CHANGES);
        const row = await trx
          .updateTable('audit_chains')
          .set({ chain })
          .where('chain', '=', chain)
          .returningAll()
          .executeTakeFirst();
        if (!row) return;
        const pruning = await decide(createAuditReader(trx), headOf(row));
        if (!pruning) return;
        const { checkpoint, changes } = pruning;
        await trx
          .deleteFrom('audit_records')
          .where('chain', '=', chain)
          .where('sequence', '<=', checkpoint.sequence)
          .execute();
        await trx
          .updateTable('audit_chains')
          .set({
            pruned_sequence: checkpoint.sequence,
            pruned_hash: checkpoint.hash,
            pruned_at_ms: checkpoint.prunedAtMs,
            pruned_seal: checkpoint.seal,
          })
          .where('chain', '=', chain)
          .execute();
        if (changes.length > 0) await appendToChain(trx, link, { chain: CHANGES, records: changes });
      });
    },
    async forget({ chain, sequence, hash }) {
      await db
        .deleteFrom('audit_chains')
        .where('chain', '=', chain)
        .where('sequence', '=', sequence)
        .where('hash', '=', hash)
        .where(({ not, exists, selectFrom }) =>
          not(
            exists(selectFrom('audit_records').select('sequence').where('audit_records.chain', '=', chain)),
          ),
        )
        .execute();
    },
  };
}
