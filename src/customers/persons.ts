import {
  type ChannelGroup,
  type CustomerIdentifier,
  type CustomerReference,
  type IdentifierSubject,
  parseReference,
  personIndex,
  type ReferenceSpace,
  subjectIndex,
} from '../identifiers/identifier.ts';
import type { Keyring } from '../keyring/keyring.ts';
import type { IdentifierRecord, ReferenceRecord, RegistryStore } from './customer-registry.ts';

/** What the company calls a person. */
export interface NamedPerson {
  space: ReferenceSpace;
  reference: CustomerReference;
}

/** A reference in a group, opened. */
export interface OpenedReference extends ReferenceRecord {
  group: ChannelGroup;
  reference: CustomerReference;
}

/** A human being in every channel group: whatever merges made one. */
export interface Person {
  names: NamedPerson[];
  /** Living identifiers and their other names. */
  identifiers: IdentifierRecord[];
  references: OpenedReference[];
  /** Indexes that were looked for and not found. */
  absent: string[];
}

export const isSamePerson = (a: NamedPerson, b: NamedPerson): boolean =>
  a.space === b.space && a.reference === b.reference;

export interface Persons {
  /** Every index that a subject can be found by, the current key's first. */
  indexesOf(subject: IdentifierSubject): string[];
  personIndexOf(name: NamedPerson): string;
  seal(reference: CustomerReference, customerId: CustomerIdentifier): string;
  open(record: Pick<ReferenceRecord, 'customerId' | 'sealedReference'>): CustomerReference | undefined;
  /** Whoever is behind an identifier or a name, in every group that there ever was. */
  find(start: { customerId: CustomerIdentifier } | { name: NamedPerson }): Promise<Person>;
}

export function createPersons(deps: { registry: RegistryStore; keyring: Keyring }): Persons {
  const { registry, keyring } = deps;

  const indexesOf = (subject: IdentifierSubject) =>
    keyring.all('identifier-index').map(({ key }) => subjectIndex(key, subject));

  const open: Persons['open'] = ({ customerId, sealedReference }) => {
    const bytes = keyring.open('reference', sealedReference, customerId);
    return bytes && parseReference(bytes.toString('utf8'));
  };

  const load = async (customerIds: readonly string[], subjectIndexes: readonly string[]): Promise<Person> => {
    const { identifiers, references } = await registry.load({ customerIds, subjectIndexes });
    const byId = new Map(identifiers.map((record) => [record.customerId, record]));
    const opened = references.flatMap((record): OpenedReference[] => {
      const reference = open(record);
      const group = byId.get(record.customerId)?.group;
      return reference === undefined || group === undefined ? [] : [{ ...record, group, reference }];
    });
    const names: NamedPerson[] = [];
    for (const { space, reference } of opened) {
      if (!names.some((name) => isSamePerson(name, { space, reference }))) names.push({ space, reference });
    }
    const found = new Set(references.map((record) => record.subjectIndex));
    const absent = subjectIndexes.filter((index) => !found.has(index));
    return { names, identifiers, references: opened, absent };
  };

  return {
    indexesOf,
    personIndexOf: (name) => personIndex(keyring.current('identifier-index').key, name),
    seal: (reference, customerId) => keyring.seal('reference', Buffer.from(reference, 'utf8'), customerId),
    open,
    find: async (start) => {
      const groups = await registry.groups();
      const customerIds = 'customerId' in start ? [start.customerId] : [];
      let names = 'name' in start ? [start.name] : (await load(customerIds, [])).names;
      for (;;) {
        const indexes = names.flatMap((name) => groups.flatMap((group) => indexesOf({ group, ...name })));
        const person = await load(customerIds, indexes);
        // What was merged in one group may be known by further names in another.
        if (person.names.every((name) => names.some((known) => isSamePerson(known, name)))) {
          return { ...person, names };
        }
        names = [...names, ...person.names.filter((name) => !names.some((k) => isSamePerson(k, name)))];
      }
    },
  };
}
