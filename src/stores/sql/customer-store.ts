import type { CustomerStore, PinnedCustomer } from '../../customers/customer-registry.ts';
import { BridgeError } from '../../errors.ts';
import type { CustomerIdentifier } from '../../identifiers/identifier.ts';
import type { AuditedChange } from './audited-change.ts';
import { insertedRows, mayBeStored } from './rows.ts';
import type { CustomersTable, Database } from './schema.ts';

function rowOf(customer: PinnedCustomer): CustomersTable {
  return {
    customer_id: customer.customerId,
    channel_group: customer.group,
    space: customer.space,
    subject_index: customer.subjectIndex,
    sealed_reference: customer.sealedReference,
    created_at_ms: customer.createdAtMs,
  };
}

function customerOf(row: CustomersTable): PinnedCustomer {
  return {
    customerId: row.customer_id,
    group: row.channel_group,
    space: row.space,
    subjectIndex: row.subject_index,
    sealedReference: row.sealed_reference,
    createdAtMs: row.created_at_ms,
  };
}

export function createCustomerStore(db: Database, auditedChange: AuditedChange): CustomerStore {
  const findByIndex = async (subjectIndex: string) => {
    if (!mayBeStored(subjectIndex)) return undefined;
    const row = await db
      .selectFrom('customers')
      .selectAll()
      .where('subject_index', '=', subjectIndex)
      .executeTakeFirst();
    return row && customerOf(row);
  };
  const findByIdentifier = async (customerId: CustomerIdentifier) => {
    if (!mayBeStored(customerId)) return undefined;
    const row = await db
      .selectFrom('customers')
      .selectAll()
      .where('customer_id', '=', customerId)
      .executeTakeFirst();
    return row && customerOf(row);
  };
  return {
    findByIndex,
    findByIdentifier,
    async pin(customer) {
      const row = rowOf(customer);
      const result = await db
        .insertInto('customers')
        .values(row)
        .onConflict((c) => c.doNothing())
        .executeTakeFirst();
      if (insertedRows(result) === 1) return customerOf(row);
      const pinned = await findByIndex(customer.subjectIndex);
      if (pinned) return pinned;
      // The subject is new, so it was the identifier that was taken: two people must never share one.
      throw new BridgeError('INTERNAL_ERROR', {
        cause: new Error('a customer identifier is held by another subject'),
      });
    },
    async count() {
      const row = await db
        .selectFrom('customers')
        .select((eb) => eb.fn.countAll<number>().as('customers'))
        .executeTakeFirstOrThrow();
      return row.customers;
    },
    async recordLookup(audit) {
      await auditedChange(audit, async () => 'recorded');
    },
  };
}
