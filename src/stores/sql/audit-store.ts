import { setImmediate as othersGoFirst } from 'node:timers/promises';
import type { AuditQuery, AuditStore, LinkAuditRecord } from '../../audit/audit-record.ts';
import { createAuditReader } from './audit-reader.ts';
import { appendToChain, chainedRecordOf, createKeptStatements } from './audit-rows.ts';
import { mayBeStored } from './rows.ts';
import type { Database } from './schema.ts';

/** Records looked at in one statement when a search has to read the log back in time. */
const RECORDS_PER_WINDOW = 5_000;

export function createAuditStore(db: Database, link: LinkAuditRecord): AuditStore {
  const statements = createKeptStatements();

  /** Matching records of a stretch of time, newest first: from `fromMs` up to but not including `beforeMs`. */
  const search = async (
    query: AuditQuery,
    { fromMs, beforeMs, limit }: { fromMs: number | undefined; beforeMs: number | undefined; limit: number },
  ) => {
    let select = db.selectFrom('audit_records').selectAll();
    for (const [column, text] of textsOf(query)) select = select.where(column, '=', text);
    if (fromMs !== undefined) select = select.where('at_ms', '>=', fromMs);
    if (beforeMs !== undefined) select = select.where('at_ms', '<', beforeMs);
    return select
      .orderBy('at_ms', 'desc')
      .orderBy('chain')
      .orderBy('sequence', 'desc')
      .limit(limit)
      .execute();
  };
  /** When the window of records that ends before `beforeMs` begins; `undefined`: with the log. */
  const windowBefore = async (beforeMs: number | undefined): Promise<number | undefined> => {
    let select = db.selectFrom('audit_records').select('at_ms');
    if (beforeMs !== undefined) select = select.where('at_ms', '<', beforeMs);
    const row = await select
      .orderBy('at_ms', 'desc')
      .offset(RECORDS_PER_WINDOW - 1)
      .limit(1)
      .executeTakeFirst();
    return row?.at_ms;
  };

  return {
    async append(chain, records) {
      if (records.length === 0) return;
      await db.transaction().execute((trx) => appendToChain(trx, link, { chain, records, statements }));
    },
    async list(query) {
      if (textsOf(query).some(([, text]) => !mayBeStored(text))) return [];
      const found: Awaited<ReturnType<typeof search>> = [];
      let beforeMs: number | undefined;
      do {
        const startMs = await windowBefore(beforeMs);
        const isLast = startMs === undefined || startMs <= (query.sinceMs ?? Number.NEGATIVE_INFINITY);
        const fromMs = isLast ? query.sinceMs : startMs;
        found.push(...(await search(query, { fromMs, beforeMs, limit: query.limit - found.length })));
        if (isLast) break;
        beforeMs = startMs;
        await othersGoFirst();
      } while (found.length < query.limit);
      return found.map(chainedRecordOf);
    },
    ...createAuditReader(db),
  };
}

type TextColumn = 'chain' | 'event' | 'customer_id' | 'request_id';

function textsOf(query: AuditQuery): [TextColumn, string][] {
  const texts: [TextColumn, string | undefined][] = [
    ['chain', query.chain],
    ['event', query.event],
    ['customer_id', query.customerId],
    ['request_id', query.requestId],
  ];
  return texts.filter((entry): entry is [TextColumn, string] => entry[1] !== undefined);
}
