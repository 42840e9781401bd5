import { CompiledQuery, type Insertable } from 'kysely';
import type { AuditRecord, ChainedAuditRecord, LinkAuditRecord } from '../../audit/audit-record.ts';
import type { AuditRecordsTable, DatabaseTransaction } from './schema.ts';

/** Rows in one insert: bounds the statement's parameters, and keeps one statement that is prepared already. */
const ROWS_PER_INSERT = 100;

type AuditFields = Omit<AuditRecordsTable, 'chain' | 'sequence' | 'hash'>;

/** PostgreSQL holds no NUL and nobody holds half a surrogate pair: what is linked must be what is read back. */
function storable(text: string): string {
  const wellFormed = text.toWellFormed();
  return wellFormed.includes('\0') ? wellFormed.replaceAll('\0', '\uFFFD') : wellFormed;
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

/** Where a chain ends. */
interface ChainEnd {
  sequence: number;
  hash: string;
}

const lockQuery = (trx: DatabaseTransaction, chain: string) =>
  trx
    .insertInto('audit_chains')
    .values({ chain, sequence: 0, hash: '' })
    .onConflict((c) => c.column('chain').doUpdateSet((eb) => ({ chain: eb.ref('excluded.chain') })))
    .returning(['sequence', 'hash']);

const moveQuery = (trx: DatabaseTransaction, chain: string, { sequence, hash }: ChainEnd) =>
  trx.updateTable('audit_chains').set({ sequence, hash }).where('chain', '=', chain);

/** Locks the end of a chain until the transaction ends and says where it stands; starts the chain when new. */
export async function lockChain(trx: DatabaseTransaction, chain: string): Promise<ChainEnd> {
  return lockQuery(trx, chain).executeTakeFirstOrThrow();
}

/** The three statements of an append. */
export interface AppendStatements {
  lock(trx: DatabaseTransaction, chain: string): Promise<ChainEnd>;
  insert(trx: DatabaseTransaction, rows: readonly Insertable<AuditRecordsTable>[]): Promise<void>;
  /** Moves the end of a chain whose lock is held. */
  move(trx: DatabaseTransaction, chain: string, end: ChainEnd): Promise<void>;
}

/** Builds each statement anew: for a row or two beside a change. */
const builtStatements: AppendStatements = {
  lock: lockChain,
  insert: async (trx, rows) => {
    await trx.insertInto('audit_records').values(rows).execute();
  },
  move: async (trx, chain, end) => {
    await moveQuery(trx, chain, end).execute();
  },
};

/**
 * Keeps the text of the statements, of the insert for each number of rows, because building them for a hundred rows
 * costs as much as inserting those.
 */
export function createKeptStatements(): AppendStatements {
  const inserts = new Map<number, { sql: string; columns: readonly (keyof AuditRecordsTable)[] }>();
  let lockText: string | undefined;
  let moveText: string | undefined;
  const insertFor = (trx: DatabaseTransaction, rows: readonly Insertable<AuditRecordsTable>[]) => {
    const known = inserts.get(rows.length);
    if (known) return known;
    const { sql } = trx.insertInto('audit_records').values(rows).compile();
    const made = { sql, columns: Object.keys(rows[0] as object) as (keyof AuditRecordsTable)[] };
    inserts.set(rows.length, made);
    return made;
  };
  return {
    lock: async (trx, chain) => {
      lockText ??= lockQuery(trx, chain).compile().sql;
      const { rows } = await trx.executeQuery<ChainEnd>(CompiledQuery.raw(lockText, [chain, 0, '']));
      return rows[0] as ChainEnd;
    },
    insert: async (trx, rows) => {
      for (let start = 0; start < rows.length; start += ROWS_PER_INSERT) {
        const batch = rows.slice(start, start + ROWS_PER_INSERT);
        const { sql, columns } = insertFor(trx, batch);
        const parameters: unknown[] = [];
        for (const row of batch) for (const column of columns) parameters.push(row[column]);
        await trx.executeQuery(CompiledQuery.raw(sql, parameters));
      }
    },
    move: async (trx, chain, end) => {
      moveText ??= moveQuery(trx, chain, end).compile().sql;
      await trx.executeQuery(CompiledQuery.raw(moveText, [end.sequence, end.hash, chain]));
    },
  };
}

/** Appends records to a chain, each linked to the one before. The lock of the chain's end is taken here if need be. */
export async function appendToChain(
  trx: DatabaseTransaction,
  link: LinkAuditRecord,
  entry: { chain: string; records: readonly AuditRecord[]; statements?: AppendStatements },
): Promise<void> {
  const { chain, records, statements = builtStatements } = entry;
  let { sequence, hash } = await statements.lock(trx, chain);
  const rows = records.map((record) => {
    const fields = fieldsOf(record);
    sequence += 1;
    hash = link(chain, sequence, hash, recordOf(fields));
    return { chain, sequence, hash, ...fields };
  });
  await statements.insert(trx, rows);
  await statements.move(trx, chain, { sequence, hash });
}
