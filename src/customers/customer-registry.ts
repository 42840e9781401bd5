/**
 * Customers: the use cases around one customer, and the registry that pins identifiers. The registry, not the
 * derivation, is the authority: once a subject has an identifier it keeps it.
 */
import type { AuditRecord } from '../audit/audit-record.ts';
import type { ChannelGroup, CustomerIdentifier, ReferenceSpace } from '../identifiers/identifier.ts';

export interface PinnedCustomer {
  customerId: CustomerIdentifier;
  group: ChannelGroup;
  space: ReferenceSpace;
  /** Blind index of (group, space, reference). */
  subjectIndex: string;
  /** The reference, sealed by the keyring for `reference` with the identifier as context. */
  sealedReference: string;
  createdAtMs: number;
}

export interface CustomerStore {
  findByIndex(subjectIndex: string): Promise<PinnedCustomer | undefined>;
  findByIdentifier(customerId: CustomerIdentifier): Promise<PinnedCustomer | undefined>;
  /**
   * Inserts unless the index is known, and returns the row that holds then: of many concurrent first sign-ins all
   * get the same one. An identifier that another subject holds already is an error, never shared.
   */
  pin(customer: PinnedCustomer): Promise<PinnedCustomer>;
  count(): Promise<number>;
  /** Appends an audit record about a customer, for look-ups that must leave a trace before they answer. */
  recordLookup(audit: AuditRecord): Promise<void>;
}
