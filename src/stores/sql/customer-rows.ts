import type { IdentifierRecord, ReferenceRecord } from '../../customers/customer-registry.ts';
import type { CustomerIdentifier } from '../../identifiers/identifier.ts';
import type { CustomerReferencesTable, CustomersTable } from './schema.ts';
import { orNull, orUndefined } from './rows.ts';

/** Numbers the revisions of the registry; its row is also the lock under which they happen. */
export const CUSTOMERS_COUNTER = 'customers';

/** Identifiers pass through systems that fold letter case: two that differ in nothing else are one. */
export function foldedId(customerId: string): string {
  return customerId.toLowerCase();
}

export function identifierRow(record: IdentifierRecord, sequence: number): CustomersTable {
  return {
    customer_id: record.customerId,
    folded_id: foldedId(record.customerId),
    channel_group: record.group,
    state: record.state,
    merged_into: orNull(record.mergedInto),
    disabled_at_ms: orNull(record.disabledAtMs),
    created_at_ms: record.createdAtMs,
    sequence,
  };
}

export function identifierOf(row: CustomersTable): IdentifierRecord {
  return {
    customerId: row.customer_id,
    group: row.channel_group,
    state: row.state,
    mergedInto: orUndefined(row.merged_into),
    disabledAtMs: orUndefined(row.disabled_at_ms),
    createdAtMs: row.created_at_ms,
  };
}

export function referenceRow(record: ReferenceRecord): CustomerReferencesTable {
  return {
    subject_index: record.subjectIndex,
    customer_id: record.customerId,
    space: record.space,
    sealed_reference: record.sealedReference,
    is_primary: record.isPrimary ? 1 : 0,
    own_id: record.ownIds.length === 0 ? null : record.ownIds.join(' '),
  };
}

export function referenceOf(row: CustomerReferencesTable): ReferenceRecord {
  return {
    subjectIndex: row.subject_index,
    customerId: row.customer_id,
    space: row.space,
    sealedReference: row.sealed_reference,
    isPrimary: row.is_primary === 1,
    ownIds: (row.own_id?.split(' ') ?? []) as CustomerIdentifier[],
  };
}
