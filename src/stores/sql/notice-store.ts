import type { NoticeStore, PartnerNotice } from '../../customers/customer-registry.ts';
import type { Database, PartnerNoticesTable } from './schema.ts';

function noticeOf(row: PartnerNoticesTable): PartnerNotice {
  return {
    id: row.id,
    partner: row.partner,
    type: row.type,
    body: row.body,
    createdAtMs: row.created_at_ms,
    attempts: row.attempts,
    dueAtMs: row.due_at_ms,
  };
}

/** What partners have to be told. Added with the change that it tells of, by the registry store. */
export function createNoticeStore(db: Database): NoticeStore {
  return {
    async claim({ nowMs, latestMs, leaseMs, limit }) {
      const due = await db
        .selectFrom('partner_notices')
        .selectAll()
        .where((eb) => eb.or([eb('due_at_ms', '<=', nowMs), eb('due_at_ms', '>', latestMs)]))
        .orderBy('due_at_ms')
        .limit(limit)
        .execute();
      const claimed: PartnerNotice[] = [];
      for (const row of due) {
        const result = await db
          .updateTable('partner_notices')
          .set({ due_at_ms: nowMs + leaseMs })
          .where('id', '=', row.id)
          .where('due_at_ms', '=', row.due_at_ms)
          .executeTakeFirst();
        if (result.numUpdatedRows === 1n) claimed.push(noticeOf(row));
      }
      return claimed;
    },
    async postpone(id, dueAtMs) {
      await db
        .updateTable('partner_notices')
        .set((eb) => ({ due_at_ms: dueAtMs, attempts: eb('attempts', '+', 1) }))
        .where('id', '=', id)
        .execute();
    },
    async remove(id) {
      await db.deleteFrom('partner_notices').where('id', '=', id).execute();
    },
    async list(limit) {
      const rows = await db
        .selectFrom('partner_notices')
        .selectAll()
        .orderBy('created_at_ms')
        .orderBy('id')
        .limit(limit)
        .execute();
      return rows.map(noticeOf);
    },
  };
}
