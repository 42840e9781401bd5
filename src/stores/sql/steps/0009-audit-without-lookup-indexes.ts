import type { Kysely } from 'kysely';

/**
 * Indexes over random values cost an append five times what the row costs. Who searches the log reads it back in time
 * instead (`audit-store.ts`).
 */
export async function dropAuditLookupIndexes(db: Kysely<unknown>): Promise<void> {
  for (const name of ['customer_id', 'request_id']) {
    await db.schema.dropIndex(`audit_records_by_${name}`).execute();
  }
}
