import type { AuditStore, LinkAuditRecord } from '../../audit/audit-record.ts';
import { appendToChain, chainedRecordOf } from './audit-rows.ts';
import { mayBeStored } from './rows.ts';
import type { Database } from './schema.ts';

export function createAuditStore(db: Database, link: LinkAuditRecord): AuditStore {
  return {
    async append(chain, records) {
      if (records.length === 0) return;
      await db.transaction().execute((trx) => appendToChain(trx, link, { chain, records }));
    },
    async list(query) {
      const texts = { chain: query.chain, event: query.event, customer_id: query.customerId };
      let select = db.selectFrom('audit_records').selectAll();
      for (const [column, text] of Object.entries({ ...texts, request_id: query.requestId })) {
        if (text === undefined) continue;
        if (!mayBeStored(text)) return [];
        select = select.where(column as keyof typeof texts | 'request_id', '=', text);
      }
      if (query.sinceMs !== undefined) select = select.where('at_ms', '>=', query.sinceMs);
      const rows = await select
        .orderBy('at_ms', 'desc')
        .orderBy('chain')
        .orderBy('sequence', 'desc')
        .limit(query.limit)
        .execute();
      return rows.map(chainedRecordOf);
    },
    heads: () =>
      db.selectFrom('audit_chains').select(['chain', 'sequence', 'hash']).orderBy('chain').execute(),
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
  };
}
