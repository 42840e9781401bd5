import { CompiledQuery } from 'kysely';
import type {
  AuditRecord,
  ChainedAuditRecord,
  CHANGES_CHAIN,
  LinkAuditRecord,
} from '../../audit/audit-record.ts';
import type { AuditRecordsTable, DatabaseTransaction } from './schema.ts';

/**
 * Rows in one insert, largest first: any number of rows is a few of these, so that a few statements, prepared once,
 * serve for all of them.
 */
const ROWS_PER_INSERT = [100, 50, 25, 10, 5, 2, 1];

/** The chain of changes. Stores take only types from other rooms: the type holds this copy to the same value. */
export const CHANGES: typeof CHANGES_CHAIN = 'changes';

/** PostgreSQL holds no NUL and nobody holds half a surrogate pair: what is linked must be what is read back. */
function storable(text: string): string {
  const wellFormed = text.isWellFormed() ? text : text.toWellFormed();
  return wellFormed.includes('\0') ? wellFormed.replaceAll('\0', '\uFFFD') : wellFormed;
}

const optional = (text: string | undefined): string | null => (text === undefined ? null : storable(text));

/** A row as it is stored. Its members are the columns of the insert and its parameters, in this order. */
function rowOf(record: AuditRecord, chain: string, sequence: number): AuditRecordsTable {
  return {
    chain,
    sequence,
    hash: '',
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

/** A stored row as the rooms see it, and what is linked of one that is about to be stored. */
export function chainedRecordOf(row: AuditRecordsTable): ChainedAuditRecord {
  return {
    chain: row.chain,
    sequence: row.sequence,
    hash: row.hash,
    atMs: row.at_ms,
    event: row.event,
    outcome: row.outcome,
    actor: row.actor,
    partner: row.partner ?? undefined,
    clientId: row.client_id ?? undefined,
    keyPrefix: row.key_prefix ?? undefined,
    customerId: row.customer_id ?? undefined,
    channel: row.channel ?? undefined,
    address: row.address ?? undefined,
    requestId: row.request_id ?? undefined,
    reason: row.reason ?? undefined,
    details:
      row.details_json === null
        ? undefined
        : (JSON.parse(row.details_json) as NonNullable<AuditRecord['details']>),
  };
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
  insert(trx: DatabaseTransaction, rows: readonly AuditRecordsTable[]): Promise<void>;
  /** Moves the end of a chain whose lock is held. */
  move(trx: DatabaseTransaction, chain: string, end: ChainEnd): Promise<void>;
}

const insertQuery = (trx: DatabaseTransaction, rows: readonly AuditRecordsTable[]) =>
  trx.insertInto('audit_records').values(rows);

/** Builds each statement anew: for a row or two beside a change. */
const builtStatements: AppendStatements = {
  lock: lockChain,
  insert: async (trx, rows) => {
    await insertQuery(trx, rows).execute();
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
    insert: async (trx, rows) => {
      for (let at = 0; at < rows.length; ) {
        const left = rows.length - at;
        const size = ROWS_PER_INSERT.find((count) => count <= left) as number;
        const some = rows.slice(at, at + size);
        let text = inserts.get(size);
        if (text === undefined) {
          text = insertQuery(trx, some).compile().sql;
          inserts.set(size, text);
        }
        const parameters: unknown[] = [];
        for (const row of some) parameters.push(...Object.values(row));
        await trx.executeQuery(CompiledQuery.raw(text, parameters));
        at += size;
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
  const rows: AuditRecordsTable[] = [];
  for (const record of records) {
    sequence += 1;
    const row = rowOf(record, chain, sequence);
    hash = link(chain, sequence, hash, chainedRecordOf(row));
    row.hash = hash;
    rows.push(row);
  }
  await statements.insert(trx, rows);
  await statements.move(trx, chain, { sequence, hash });
}
