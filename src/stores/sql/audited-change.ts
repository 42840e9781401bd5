import type { AuditRecord, LinkAuditRecord } from '../../audit/audit-record.ts';
import { appendToChain, CHANGES, lockChain } from './audit-rows.ts';
import type { Database, DatabaseTransaction } from './schema.ts';

/** Outcomes of a change that changed nothing: they leave no audit record. */
const REFUSALS: ReadonlySet<string> = new Set(['conflict', 'missing']);

/** Carries a refusal out of a transaction, which it rolls back. */
class RolledBack extends Error {
  readonly outcome: string;
  constructor(outcome: string) {
    super(outcome);
    this.outcome = outcome;
  }
}

/**
 * Makes a change and writes its audit records in one transaction: both or neither, and neither when the change
 * answers `conflict` or `missing`. Changes run one after the other (they all hold the end of the changes chain from
 * the start), so they cannot deadlock on each other's rows.
 */
export type AuditedChange = <Outcome extends string>(
  audit: AuditRecord | readonly AuditRecord[],
  change: (trx: DatabaseTransaction) => Promise<Outcome>,
) => Promise<Outcome>;

export function createAuditedChange(db: Database, link: LinkAuditRecord): AuditedChange {
  return async (audit, change) => {
    try {
      return await db.transaction().execute(async (trx) => {
        await lockChain(trx, CHANGES);
        const outcome = await change(trx);
        if (REFUSALS.has(outcome)) throw new RolledBack(outcome);
        await appendToChain(trx, link, { chain: CHANGES, records: [audit].flat() });
        return outcome;
      });
    } catch (error) {
      if (error instanceof RolledBack) return error.outcome as Awaited<ReturnType<typeof change>>;
      throw error;
    }
  };
}
