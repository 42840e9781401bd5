import type { CustomerStore, PinnedCustomer } from '../../customers/customer-registry.ts';
import type { CustomerIdentifier } from '../../identifiers/identifier.ts';
import type { AuditedChange } from './audited-change.ts';
import { raiseCounter } from './counters.ts';
import { CUSTOMERS_COUNTER, foldedId } from './customer-rows.ts';
import { insertRevocations } from './revocation-store.ts';
import { insertedRows, mayBeStored, orUndefined } from './rows.ts';
import type { Database, DatabaseTransaction } from './schema.ts';

/** Carries the outcome of a pin that added nothing out of its transaction, which it rolls back. */
class NotPinned extends Error {
  readonly outcome: 'taken' | 'changed' | 'known';
  constructor(outcome: 'taken' | 'changed' | 'known') {
    super(outcome);
    this.outcome = outcome;
  }
}

async function insertPinned(trx: DatabaseTransaction, customer: PinnedCustomer): Promise<void> {
  const { customerId, group, createdAtMs } = customer;
  const reference = await trx
    .insertInto('customer_references')
    .values({
      subject_index: customer.subjectIndex,
      customer_id: customerId,
      space: customer.space,
      sealed_reference: customer.sealedReference,
      is_primary: 1,
      own_id: customerId,
    })
    .onConflict((c) => c.doNothing())
    .executeTakeFirst();
  if (insertedRows(reference) === 0) throw new NotPinned('known');
  const identifier = await trx
    .insertInto('customers')
    .values({
      customer_id: customerId,
      folded_id: foldedId(customerId),
      channel_group: group,
      state: 'living',
      merged_into: null,
      disabled_at_ms: null,
      created_at_ms: createdAtMs,
      sequence: 0,
    })
    .onConflict((c) => c.doNothing())
    .executeTakeFirst();
  if (insertedRows(identifier) === 0) throw new NotPinned('taken');
  await trx
    .insertInto('customer_groups')
    .values({ channel_group: group })
    .onConflict((c) => c.doNothing())
    .execute();
}

export function createCustomerStore(db: Database, auditedChange: AuditedChange): CustomerStore {
  const living = () =>
    db
      .selectFrom('customers as c')
      .innerJoin('customer_references as p', 'p.customer_id', 'c.customer_id')
      .where('p.is_primary', '=', 1)
      .select([
        'c.customer_id as customerId',
        'c.channel_group as group',
        'p.space as space',
        'p.subject_index as subjectIndex',
        'p.sealed_reference as sealedReference',
        'c.created_at_ms as createdAtMs',
        'c.disabled_at_ms as disabledAtMs',
      ]);
  const pinnedOf = (row: Awaited<ReturnType<ReturnType<typeof living>['executeTakeFirstOrThrow']>>) => ({
    ...row,
    disabledAtMs: orUndefined(row.disabledAtMs),
  });
  const findByIndex = async (subjectIndex: string) => {
    if (!mayBeStored(subjectIndex)) return undefined;
    const row = await living()
      .innerJoin('customer_references as r', 'r.customer_id', 'c.customer_id')
      .where('r.subject_index', '=', subjectIndex)
      .executeTakeFirst();
    return row && pinnedOf(row);
  };
  const findByIdentifier = async (customerId: CustomerIdentifier) => {
    if (!mayBeStored(customerId)) return undefined;
    const row = await living()
      .where((eb) =>
        eb(
          'c.customer_id',
          '=',
          eb
            .selectFrom('customers as named')
            .where('named.customer_id', '=', customerId)
            .select((at) =>
              at.fn.coalesce('named.merged_into', 'named.customer_id').$castTo<CustomerIdentifier>().as('id'),
            ),
        ),
      )
      .executeTakeFirst();
    return row && pinnedOf(row);
  };
  return {
    findByIndex,
    findByIdentifier,
    async pin(customer, sequence) {
      try {
        await db.transaction().execute(async (trx) => {
          if (sequence !== undefined && (await raiseCounter(trx, CUSTOMERS_COUNTER, 0)) !== sequence) {
            throw new NotPinned('changed');
          }
          await insertPinned(trx, customer);
        });
        return { ...customer, disabledAtMs: undefined };
      } catch (error) {
        if (!(error instanceof NotPinned)) throw error;
        if (error.outcome !== 'known') return error.outcome;
        return (await findByIndex(customer.subjectIndex)) ?? 'changed';
      }
    },
    async between(first, before) {
      const rows = await living()
        .where('c.customer_id', '>=', first as CustomerIdentifier)
        .where('c.customer_id', '<', before as CustomerIdentifier)
        .execute();
      return rows.map(pinnedOf);
    },
    async count() {
      const row = await db
        .selectFrom('customers')
        .select((eb) => eb.fn.countAll<number>().as('customers'))
        .executeTakeFirstOrThrow();
      return row.customers;
    },
    async recordLookup(audit, revocations = []) {
      await auditedChange(audit, async (trx) => {
        await insertRevocations(trx, revocations);
        return 'recorded';
      });
    },
  };
}
