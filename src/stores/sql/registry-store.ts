import { sql } from 'kysely';
import type { CustomerRevision, RegistryStore } from '../../customers/customer-registry.ts';
import type { CustomerIdentifier } from '../../identifiers/identifier.ts';
import type { Standing, StandingStore } from '../../revocation/standings.ts';
import type { AuditedChange } from './audited-change.ts';
import { raiseCounter, readCounter } from './counters.ts';
import {
  CUSTOMERS_COUNTER,
  foldedId,
  identifierOf,
  identifierRow,
  referenceOf,
  referenceRow,
} from './customer-rows.ts';
import { insertRevocations } from './revocation-store.ts';
import { insertedRows, mayBeStored } from './rows.ts';
import type { CustomersTable, Database, DatabaseTransaction } from './schema.ts';

/** Values in one `in` list: bounds the statement's parameters. */
const VALUES_PER_QUERY = 400;

/** Calls once for each so many values and joins the answers. */
async function inPieces<Value, Row>(
  values: readonly Value[],
  query: (piece: readonly Value[]) => Promise<Row[]>,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (let start = 0; start < values.length; start += VALUES_PER_QUERY) {
    rows.push(...(await query(values.slice(start, start + VALUES_PER_QUERY))));
  }
  return rows;
}

async function changeIdentifiers(trx: DatabaseTransaction, revision: CustomerRevision): Promise<boolean> {
  const sequence = await raiseCounter(trx, CUSTOMERS_COUNTER, 1);
  if (sequence !== revision.sequence + 1) return false;
  for (const record of revision.added) {
    const result = await trx
      .insertInto('customers')
      .values(identifierRow(record, sequence))
      .onConflict((c) => c.doNothing())
      .executeTakeFirst();
    if (insertedRows(result) === 0) return false;
    await trx
      .insertInto('customer_groups')
      .values({ channel_group: record.group })
      .onConflict((c) => c.doNothing())
      .execute();
  }
  for (const record of revision.changed) {
    const { customer_id, ...row } = identifierRow(record, sequence);
    await trx.updateTable('customers').set(row).where('customer_id', '=', customer_id).execute();
  }
  return true;
}

async function changeReferences(trx: DatabaseTransaction, revision: CustomerRevision): Promise<boolean> {
  const unexpected = await inPieces(revision.absent, (piece) =>
    trx
      .selectFrom('customer_references')
      .select('subject_index')
      .where('subject_index', 'in', piece)
      .execute(),
  );
  if (unexpected.length > 0) return false;
  for (const record of revision.references) {
    const row = referenceRow(record);
    await trx
      .insertInto('customer_references')
      .values(row)
      .onConflict((c) => c.column('subject_index').doUpdateSet(row))
      .execute();
  }
  const survivors = [...new Set(revision.references.map((record) => record.customerId))];
  if (survivors.length > 0) {
    // Other names carry their survivor's reference in every process: they are read anew.
    await trx
      .updateTable('customers')
      .set({ sequence: revision.sequence + 1 })
      .where('merged_into', 'in', survivors)
      .execute();
  }
  for (const subjectIndex of revision.forgotten) {
    await trx.deleteFrom('customer_references').where('subject_index', '=', subjectIndex).execute();
    await trx
      .insertInto('erased_references')
      .values({ subject_index: subjectIndex })
      .onConflict((c) => c.doNothing())
      .execute();
  }
  return true;
}

/** Whether a session, JSON text, is of this customer; the quotes keep one identifier from being found in another. */
function holds(customerId: string) {
  const pattern = `%"${customerId.replaceAll(/[!%_]/g, '!$&')}"%`;
  return sql<boolean>`data like ${pattern} escape '!'`;
}

/** What hangs on an identifier: what was issued to it, allowed by it, and has to be told of it. */
async function changeRest(
  trx: DatabaseTransaction,
  revision: CustomerRevision,
  nowMs: number,
): Promise<void> {
  for (const customerId of revision.ended) {
    await trx
      .updateTable('refresh_families')
      .set({ ended_at_ms: nowMs, sealed_answer: null })
      .where('customer_id', '=', customerId)
      .where('ended_at_ms', 'is', null)
      .execute();
  }
  for (const customerId of revision.purged) {
    await trx.deleteFrom('refresh_families').where('customer_id', '=', customerId).execute();
    await trx.deleteFrom('consents').where('customer_id', '=', customerId).execute();
    await trx.deleteFrom('channel_visits').where('customer_id', '=', customerId).execute();
    await trx.deleteFrom('sessions').where(holds(customerId)).execute();
  }
  for (const { customerId, personIndex } of revision.consents) {
    await trx
      .updateTable('consents')
      .set({ person_index: personIndex })
      .where('customer_id', '=', customerId)
      .execute();
  }
  await insertRevocations(trx, revision.revocations);
  for (const { id, partner, type, body, createdAtMs, attempts, dueAtMs } of revision.notices) {
    await trx
      .insertInto('partner_notices')
      .values({
        id,
        partner,
        type,
        body,
        created_at_ms: createdAtMs,
        attempts,
        due_at_ms: dueAtMs,
      })
      .execute();
  }
}

export function createRegistryStore(
  db: Database,
  auditedChange: AuditedChange,
  clock: { nowMs(): number },
): RegistryStore {
  const identifiersBy = (
    column: 'customer_id' | 'folded_id' | 'merged_into',
    values: readonly string[],
  ): Promise<CustomersTable[]> =>
    inPieces(values, (piece) =>
      db
        .selectFrom('customers')
        .selectAll()
        .where(column, 'in', piece as CustomerIdentifier[])
        .execute(),
    );

  return {
    sequence: () => readCounter(db, CUSTOMERS_COUNTER),
    async groups() {
      const rows = await db.selectFrom('customer_groups').selectAll().orderBy('channel_group').execute();
      return rows.map((row) => row.channel_group);
    },
    async load({ customerIds = [], subjectIndexes = [] }) {
      const named = await identifiersBy('folded_id', customerIds.filter(mayBeStored).map(foldedId));
      const reached = await inPieces(subjectIndexes, (piece) =>
        db
          .selectFrom('customer_references')
          .select('customer_id')
          .where('subject_index', 'in', piece)
          .execute(),
      );
      const living = [
        ...new Set([
          ...named.map((row) => row.merged_into ?? row.customer_id),
          ...reached.map((row) => row.customer_id),
        ]),
      ];
      const rows = [
        ...named,
        ...(await identifiersBy('customer_id', living)),
        ...(await identifiersBy('merged_into', living)),
      ];
      const references = await inPieces(living, (piece) =>
        db.selectFrom('customer_references').selectAll().where('customer_id', 'in', piece).execute(),
      );
      return {
        identifiers: [...new Map(rows.map((row) => [row.customer_id, identifierOf(row)])).values()],
        references: references.map(referenceOf),
      };
    },
    async erasedAmong(subjectIndexes) {
      const rows = await inPieces(subjectIndexes, (piece) =>
        db
          .selectFrom('erased_references')
          .select('subject_index')
          .where('subject_index', 'in', piece)
          .execute(),
      );
      return new Set(rows.map((row) => row.subject_index));
    },
    apply: (revision) =>
      auditedChange<'applied' | 'conflict'>(revision.audit, async (trx) => {
        if (!(await changeIdentifiers(trx, revision))) return 'conflict';
        if (!(await changeReferences(trx, revision))) return 'conflict';
        await changeRest(trx, revision, clock.nowMs());
        return 'applied';
      }),
  };
}

type StandingRow = Pick<CustomersTable, 'state' | 'merged_into' | 'disabled_at_ms'> & {
  space: string | null;
  sealed_reference: string | null;
};

function standingOf(row: StandingRow): Standing | undefined {
  const { merged_into: into, space, sealed_reference: sealedReference } = row;
  if (into !== null && space !== null && sealedReference !== null) {
    return { state: 'merged', into, space, sealedReference };
  }
  if (row.state !== 'living') return { state: 'erased' };
  return row.disabled_at_ms === null ? undefined : { state: 'disabled' };
}

export function createStandingStore(db: Database): StandingStore {
  return {
    async since(sequence) {
      const highest = await readCounter(db, CUSTOMERS_COUNTER);
      if (highest <= sequence) return { changes: [], sequence: highest };
      const rows = await db
        .selectFrom('customers as c')
        .leftJoin('customer_references as p', (join) =>
          join.onRef('p.customer_id', '=', 'c.merged_into').on('p.is_primary', '=', 1),
        )
        .select(['c.customer_id', 'c.state', 'c.merged_into', 'c.disabled_at_ms'])
        .select(['p.space', 'p.sealed_reference'])
        .where('c.sequence', '>', sequence)
        .orderBy('c.sequence')
        .execute();
      return {
        changes: rows.map((row) => ({ customerId: row.customer_id, standing: standingOf(row) })),
        sequence: highest,
      };
    },
  };
}
