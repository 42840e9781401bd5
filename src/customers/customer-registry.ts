/**
 * Customers: the use cases around one customer, and the registry that pins identifiers. The registry, not the
 * derivation, is the authority: once a subject has an identifier it keeps it.
 */
import type { AuditRecord } from '../audit/audit-record.ts';
import type { ChannelGroup, CustomerIdentifier, ReferenceSpace } from '../identifiers/identifier.ts';
import type { Revocation } from '../revocation/revocation-types.ts';

/** A living identifier with the reference that it stands for towards backends. */
export interface PinnedCustomer {
  customerId: CustomerIdentifier;
  group: ChannelGroup;
  space: ReferenceSpace;
  /** Blind index of (group, space, reference). */
  subjectIndex: string;
  /** The reference, sealed by the keyring for `reference` with the identifier as context. */
  sealedReference: string;
  createdAtMs: number;
  /** Since when the customer may not sign in. */
  disabledAtMs?: number | undefined;
}

export interface CustomerStore {
  /** Whom a reference leads to: after a merge the surviving customer, by its own leading reference. */
  findByIndex(subjectIndex: string): Promise<PinnedCustomer | undefined>;
  /** The living customer of this identifier; a merged one leads to its survivor, an erased one to nobody. */
  findByIdentifier(customerId: CustomerIdentifier): Promise<PinnedCustomer | undefined>;
  /**
   * Inserts unless the index is known, and returns the row that holds then: of many concurrent first sign-ins all
   * get the same one. `taken`: the identifier is or was another subject's, and is never shared. `changed`: the
   * registry is not at `sequence` any more, so what was read before must be read again.
   */
  pin(customer: PinnedCustomer, sequence?: number): Promise<PinnedCustomer | 'taken' | 'changed'>;
  /** Living customers whose identifier is `first` or more and less than `before`, in the database's own order of text. */
  between(first: string, before: string): Promise<PinnedCustomer[]>;
  /** Identifiers there are or were. */
  count(): Promise<number>;
  /**
   * Appends audit records about customers, for look-ups that must leave a trace before they answer, and for what ends
   * with them: those revocations are written in the same transaction.
   */
  recordLookup(
    audit: AuditRecord | readonly AuditRecord[],
    revocations?: readonly Revocation[],
  ): Promise<void>;
}

/** An identifier and what became of it. No row ever goes, so that none is given to somebody else. */
export interface IdentifierRecord {
  customerId: CustomerIdentifier;
  group: ChannelGroup;
  state: 'living' | 'merged' | 'erased';
  /** The living identifier that a merged one is another name of. */
  mergedInto: CustomerIdentifier | undefined;
  disabledAtMs: number | undefined;
  /** 0 for an erased one. */
  createdAtMs: number;
}

/** One way in which the company names a customer of a group. */
export interface ReferenceRecord {
  subjectIndex: string;
  /** The living identifier that it leads to; also the context of its seal. */
  customerId: CustomerIdentifier;
  space: ReferenceSpace;
  sealedReference: string;
  /** The one reference of its identifier that backends are asked with. */
  isPrimary: boolean;
  /** The identifiers that are its own, the latest first: pinned for it, imported for it, or given to it by a split. */
  ownIds: readonly CustomerIdentifier[];
}

/** Something that a partner has to be told; kept until it was. */
export interface PartnerNotice {
  id: string;
  partner: string;
  type: string;
  /** JSON, signed as it stands. */
  body: string;
  createdAtMs: number;
  /** Failed attempts so far. */
  attempts: number;
  dueAtMs: number;
}

/** A change of the registry with everything that has to happen with it, in one transaction. */
export interface CustomerRevision {
  /** What the registry's counter showed before anything was read. */
  sequence: number;
  /** Subject indexes that were looked for and not found. */
  absent: readonly string[];
  added: readonly IdentifierRecord[];
  changed: readonly IdentifierRecord[];
  /** Added, or replaced by index. */
  references: readonly ReferenceRecord[];
  /** References that go, each leaving its blind index behind and nothing else. */
  forgotten: readonly string[];
  revocations: readonly Revocation[];
  /** Identifiers whose refresh families end. */
  ended: readonly CustomerIdentifier[];
  /** Identifiers whose refresh families, consents and sessions are deleted. */
  purged: readonly CustomerIdentifier[];
  /** Whose consents belong to which person from now on. */
  consents: readonly { customerId: CustomerIdentifier; personIndex: string }[];
  notices: readonly PartnerNotice[];
  audit: readonly AuditRecord[];
}

export interface CustomerRecords {
  identifiers: IdentifierRecord[];
  references: ReferenceRecord[];
}

/** The registry as those see it who change what an identifier stands for. */
export interface RegistryStore {
  /** Rises with every revision. */
  sequence(): Promise<number>;
  /** Every channel group that a customer was ever pinned in. */
  groups(): Promise<ChannelGroup[]>;
  /**
   * Identifiers named (whatever their letter case) or reached by a reference, the survivors of merged ones, and of
   * all these every other name and every reference.
   */
  load(which: {
    customerIds?: readonly string[];
    subjectIndexes?: readonly string[];
  }): Promise<CustomerRecords>;
  /** Which of these subjects were erased. */
  erasedAmong(subjectIndexes: readonly string[]): Promise<Set<string>>;
  /** All of it or nothing; `conflict` when something that it was planned on has changed. */
  apply(revision: CustomerRevision): Promise<'applied' | 'conflict'>;
}

export interface NoticeStore {
  /**
   * Notices that are due at `nowMs` (or were to be later than `latestMs`), put off by `leaseMs` so that no other process
   * sends them meanwhile.
   */
  claim(due: { nowMs: number; latestMs: number; leaseMs: number; limit: number }): Promise<PartnerNotice[]>;
  /** An attempt failed: the next is due then. */
  postpone(id: string, dueAtMs: number): Promise<void>;
  remove(id: string): Promise<void>;
  /** Oldest first. */
  list(limit: number): Promise<PartnerNotice[]>;
}
