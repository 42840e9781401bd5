import { CompiledQuery, type Insertable } from 'kysely';
import type { AuditRecord, ChainedAuditRecord, LinkAuditRecord } from '../../audit/audit-record.ts';
import type { AuditRecordsTable, DatabaseTransaction } from './schema.ts';

/** Rows in one insert: bounds the statement's parameters, and keeps one statement that is prepared already. */
const ROWS_PER_INSERT = 100;

type AuditFields = Omit<AuditRecordsTable, 'chain' | 'sequence' | 'hash'>;

/** PostgreSQL holds no NUL and nobody holds half a surrogate pair: what is linked must be what is read back. */
function storable(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\uFFFD');
}

function fieldsOf(record: AuditRecord): AuditFields {
  const optional = (text: string | undefined) => (text === undefined ? null : storable(text));
  return {
    at_ms: record.atMs,
    event: storable(record.event),
    outcome: record.outcome,
    actor: storable(record.actor),
    partner: optional(record.partner),
    client_id: optional(record.clientId),
    key_prefix: optional(record.keyPrefix),
    customer_id: optional(record.customerId),
    channel: optional(record.channel),
    address: optional(record.address),
    request_id: optional(record.requestId),
    reason: optional(record.reason),
    details_json: record.details === undefined ? null : JSON.stringify(record.details),
  };
}

function recordOf(fields: AuditFields): AuditRecord {
  return {
    atMs: fields.at_ms,
    event: fields.event,
    outcome: fields.outcome,
    actor: fields.actor,
    ...(fields.partner !== null && { partner: fields.partner }),
    ...(fields.client_id !== null && { clientId: fields.client_id }),
    ...(fields.key_prefix !== null && { keyPrefix: fields.key_prefix }),
    ...(fields.customer_id !== null && { customerId: fields.customer_id }),
    ...(fields.channel !== null && { channel: fields.channel }),
    ...(fields.address !== null && { address: fields.address }),
    ...(fields.request_id !== null && { requestId: fields.request_id }),
    ...(fields.reason !== null && { reason: fields.reason }),
    ...(fields.details_json !== null && {
      details: JSON.parse(fields.details_json) as AuditRecord['details'],
    }),
  };
}

/** A stored row as the rooms see it. */
export function chainedRecordOf(row: AuditRecordsTable): ChainedAuditRecord {
  return { ...recordOf(row), chain: row.chain, sequence: row.sequence, hash: row.hash };
}

/** Locks the end of a chain until the transaction ends and says where it stands; starts the chain when new. */
export async function lockChain(
  trx: DatabaseTransaction,
  chain: string,
): Promise<{ sequence: number; hash: string }> {
  return trx
    .insertInto('audit_chains')
    .values({ chain, sequence: 0, hash: '' })
    .onConflict((c) => c.column('chain').doUpdateSet((eb) => ({ chain: eb.ref('excluded.chain') })))
    .returning(['sequence', 'hash'])
    .executeTakeFirstOrThrow();
}

/** Writes rows of a chain. */
export type InsertAuditRows = (
  trx: DatabaseTransaction,
  rows: readonly Insertable<AuditRecordsTable>[],
) => Promise<void>;

/** Builds the statement anew each time: for a row or two. */
const insertByBuilder: InsertAuditRows = async (trx, rows) => {
  await trx.insertInto('audit_records').values(rows).execute();
};

/**
 * Keeps the text of the statement for each number of rows, because building it for a hundred rows costs as much as
 * inserting them.
 */
export function createBatchInsert(): InsertAuditRows {
  const texts = new Map<number, { sql: string; columns: readonly (keyof AuditRecordsTable)[] }>();
  const textFor = (trx: DatabaseTransaction, rows: readonly Insertable<AuditRecordsTable>[]) => {
    const known = texts.get(rows.length);
    if (known) return known;
    const { sql } = trx.insertInto('audit_records').values(rows).compile();
    const made = { sql, columns: Object.keys(rows[0] as object) as (keyof AuditRecordsTable)[] };
    texts.set(rows.length, made);
    return made;
  };
  return async (trx, rows) => {
    for (let start = 0; start < rows.length; start += ROWS_PER_INSERT) {
      const batch = rows.slice(start, start + ROWS_PER_INSERT);
      const { sql, columns } = textFor(trx, batch);
      const parameters: unknown[] = [];
      for (const row of batch) for (const column of columns) parameters.push(row[column]);
      await trx.executeQuery(CompiledQuery.raw(sql, parameters));
    }
  };
}

/** Appends records to a chain, each linked to the one before. The lock of the chain's end is taken here if need be. */
export async function appendToChain(
  trx: DatabaseTransaction,
  link: LinkAuditRecord,
  entry: { chain: string; records: readonly AuditRecord[]; insert?: InsertAuditRows },
): Promise<void> {
  const { chain, records, insert = insertByBuilder } = entry;
  let { sequence, hash } = await lockChain(trx, chain);
  const rows = records.map((record) => {
    const fields = fieldsOf(record);
    sequence += 1;
    hash = link(chain, sequence, hash, recordOf(fields));
    return { chain, sequence, hash, ...fields };
  });
  await insert(trx, rows);
  await trx.updateTable('audit_chains').set({ sequence, hash }).where('chain', '=', chain).execute();
}
