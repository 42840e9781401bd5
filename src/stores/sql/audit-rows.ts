import { CompiledQuery, type Insertable } from 'kysely';
import type { AuditRecord, ChainedAuditRecord, LinkAuditRecord } from '../../audit/audit-record.ts';
import type { AuditRecordsTable, DatabaseTransaction } from './schema.ts';

/**
 * Rows in one insert, largest first: any number of rows is a few of these, so that a few statements, prepared once,
 * serve for all of them.
 */
const ROWS_PER_INSERT = [100, 50, 25, 10, 5, 2, 1];

type AuditFields = Omit<AuditRecordsTable, 'chain' | 'sequence' | 'hash'>;

/** PostgreSQL holds no NUL and nobody holds half a surrogate pair: what is linked must be what is read back. */
function storable(text: string): string {
  const wellFormed = text.isWellFormed() ? text : text.toWellFormed();
  return wellFormed.includes('\0') ? wellFormed.replaceAll('\0', '\uFFFD') : wellFormed;
}

const optional = (text: string | undefined): string | null => (text === undefined ? null : storable(text));

function fieldsOf(record: AuditRecord): AuditFields {
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

/** What is linked of a row that is about to be stored: what will be read back, for which `null` is a missing field. */
function linkedRecord(fields: AuditFields): AuditRecord {
  return {
    atMs: fields.at_ms,
    event: fields.event,
    outcome: fields.outcome,
    actor: fields.actor,
    partner: fields.partner ?? undefined,
    clientId: fields.client_id ?? undefined,
    keyPrefix: fields.key_prefix ?? undefined,
    customerId: fields.customer_id ?? undefined,
    channel: fields.channel ?? undefined,
    address: fields.address ?? undefined,
    requestId: fields.request_id ?? undefined,
    reason: fields.reason ?? undefined,
    details:
      fields.details_json === null
        ? undefined
        : (JSON.parse(fields.details_json) as NonNullable<AuditRecord['details']>),
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

/** A record where it stands in its chain. */
interface ChainedFields {
  sequence: number;
  hash: string;
  fields: AuditFields;
}

const rowOf = (chain: string, { sequence, hash, fields }: ChainedFields): Insertable<AuditRecordsTable> => ({
  chain,
  sequence,
  hash,
  at_ms: fields.at_ms,
  event: fields.event,
  outcome: fields.outcome,
  actor: fields.actor,
  partner: fields.partner,
  client_id: fields.client_id,
  key_prefix: fields.key_prefix,
  customer_id: fields.customer_id,
  channel: fields.channel,
  address: fields.address,
  request_id: fields.request_id,
  reason: fields.reason,
  details_json: fields.details_json,
});

/** The values of `rowOf`, in its order. */
function pushValues(to: unknown[], chain: string, { sequence, hash, fields }: ChainedFields): void {
  to.push(
    chain,
    sequence,
    hash,
    fields.at_ms,
    fields.event,
    fields.outcome,
    fields.actor,
    fields.partner,
    fields.client_id,
    fields.key_prefix,
    fields.customer_id,
    fields.channel,
    fields.address,
    fields.request_id,
    fields.reason,
    fields.details_json,
  );
}

/** The three statements of an append. */
export interface AppendStatements {
  lock(trx: DatabaseTransaction, chain: string): Promise<ChainEnd>;
  insert(trx: DatabaseTransaction, chain: string, records: readonly ChainedFields[]): Promise<void>;
  /** Moves the end of a chain whose lock is held. */
  move(trx: DatabaseTransaction, chain: string, end: ChainEnd): Promise<void>;
}

const insertQuery = (trx: DatabaseTransaction, chain: string, records: readonly ChainedFields[]) =>
  trx.insertInto('audit_records').values(records.map((record) => rowOf(chain, record)));

/** Builds each statement anew: for a row or two beside a change. */
const builtStatements: AppendStatements = {
  lock: lockChain,
  insert: async (trx, chain, records) => {
    await insertQuery(trx, chain, records).execute();
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
  const inserts = new Map<number, string>();
  let lockText: string | undefined;
  let moveText: string | undefined;
  return {
    lock: async (trx, chain) => {
      lockText ??= lockQuery(trx, chain).compile().sql;
      const { rows } = await trx.executeQuery<ChainEnd>(CompiledQuery.raw(lockText, [chain, 0, '']));
      return rows[0] as ChainEnd;
    },
    insert: async (trx, chain, records) => {
      for (let at = 0; at < records.length; ) {
        const left = records.length - at;
        const size = ROWS_PER_INSERT.find((rows) => rows <= left) as number;
        let text = inserts.get(size);
        if (text === undefined) {
          text = insertQuery(trx, chain, records.slice(at, at + size)).compile().sql;
          inserts.set(size, text);
        }
        const parameters: unknown[] = [];
        for (const end = at + size; at < end; at++)
          pushValues(parameters, chain, records[at] as ChainedFields);
        await trx.executeQuery(CompiledQuery.raw(text, parameters));
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
  const chained: ChainedFields[] = [];
  for (const record of records) {
    const fields = fieldsOf(record);
    sequence += 1;
    hash = link(chain, sequence, hash, linkedRecord(fields));
    chained.push({ sequence, hash, fields });
  }
  await statements.insert(trx, chain, chained);
  await statements.move(trx, chain, { sequence, hash });
}
