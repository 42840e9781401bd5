/**
 * What becomes of identifiers when customers are merged, split, erased, disabled or enabled. Pure: records in, records
 * out. No identifier ever leads to two people, and none is ever given out again.
 */
import type {
  CustomerIdentifier,
  CustomerReference,
  IdentifierSubject,
  ReferenceSpace,
} from '../identifiers/identifier.ts';
import type { IdentifierRecord, ReferenceRecord } from './customer-registry.ts';
import { isSamePerson, type NamedPerson, type OpenedReference, type Person } from './persons.ts';

/** The records that a change comes to. */
export interface LifeChange {
  added: IdentifierRecord[];
  changed: IdentifierRecord[];
  references: ReferenceRecord[];
  /** Subject indexes that go. */
  forgotten: string[];
  /** What happened to which identifier; `to` is the identifier that it leads to, or that was split off from it. */
  events: { customerId: CustomerIdentifier; to?: CustomerIdentifier }[];
  /** Whose consents belong to whom from now on. */
  consents: { customerId: CustomerIdentifier; person: NamedPerson }[];
}

export interface LifeTools {
  indexOf(subject: IdentifierSubject): string;
  seal(reference: CustomerReference, customerId: CustomerIdentifier): string;
  /** An identifier that nobody ever had, for somebody of this space. */
  newIdentifier(space: ReferenceSpace): CustomerIdentifier;
  nowMs: number;
}

/** A change to which the records are still to be added. */
export const noChange = (): LifeChange => ({
  added: [],
  changed: [],
  references: [],
  forgotten: [],
  events: [],
  consents: [],
});

const isLiving = ({ state }: IdentifierRecord) => state === 'living';

function groupsOf(person: Person) {
  return [...new Set(person.identifiers.filter(isLiving).map(({ group }) => group))].sort();
}

const recordOf = ({ group: _group, reference: _reference, ...record }: OpenedReference): ReferenceRecord =>
  record;

/**
 * Makes everybody in `person` one: in each group the identifier of `leading` survives; where it has none, that of the
 * first other name that has one. Backends are asked with `leading` from then on. Every other identifier becomes another name of the
 * survivor.
 */
export function planUnion(person: Person, leading: NamedPerson, tools: LifeTools): LifeChange {
  const change = noChange();
  for (const group of groupsOf(person)) {
    const here = person.references.filter((record) => record.group === group);
    const living = person.identifiers.filter((record) => record.group === group && isLiving(record));
    const ranked = [leading, ...person.names].flatMap(
      (name) => here.find((record) => isSamePerson(record, name)) ?? [],
    );
    const survivor = ranked[0]?.customerId;
    if (survivor === undefined) continue;
    for (const name of person.names) {
      const known = here.find((record) => isSamePerson(record, name));
      const isPrimary = isSamePerson(name, leading);
      if (known?.customerId === survivor && known.isPrimary === isPrimary) continue;
      change.references.push({
        subjectIndex: known?.subjectIndex ?? tools.indexOf({ group, ...name }),
        customerId: survivor,
        space: name.space,
        sealedReference: tools.seal(name.reference, survivor),
        isPrimary,
        ownId: known?.ownId,
      });
      if (!known) change.events.push({ customerId: survivor, to: survivor });
    }
    const losers = living.filter(({ customerId }) => customerId !== survivor);
    for (const loser of losers) change.events.push({ customerId: loser.customerId, to: survivor });
    const isLoser = (id: CustomerIdentifier | undefined) =>
      losers.some(({ customerId }) => customerId === id);
    for (const record of person.identifiers) {
      if (!isLoser(record.customerId) && !isLoser(record.mergedInto)) continue;
      change.changed.push({ ...record, state: 'merged', mergedInto: survivor, disabledAtMs: undefined });
    }
    for (const { customerId } of person.identifiers.filter((record) => record.group === group)) {
      change.consents.push({ customerId, person: leading });
    }
  }
  return change;
}

/** Who leads among those that stay: the same one in every group, and who led before if they stay. */
function leadingOf(person: Person, leaving: NamedPerson): NamedPerson | undefined {
  const staying = person.references.filter((record) => !isSamePerson(record, leaving));
  return (
    staying.find(({ isPrimary }) => isPrimary) ??
    staying.find(({ ownId, customerId }) => ownId === customerId) ??
    staying[0]
  );
}

/**
 * Takes one name away from a person. In each group where it shares an identifier, it gets a new random one; whoever is
 * left keeps the identifier. The identifier that the name had before a merge becomes another name of the new one.
 */
export function planSplit(person: Person, leaving: NamedPerson, tools: LifeTools): LifeChange {
  const change = noChange();
  const next = leadingOf(person, leaving);
  for (const record of person.references.filter((one) => isSamePerson(one, leaving))) {
    const shared = record.customerId;
    const staying = person.references.filter((one) => one.customerId === shared && one !== record);
    if (staying.length === 0) continue;
    const own = person.identifiers.find(({ customerId }) => customerId === shared);
    if (!own) continue;
    const customerId = tools.newIdentifier(record.space);
    change.added.push({ ...own, customerId, createdAtMs: tools.nowMs });
    change.references.push({
      ...recordOf(record),
      customerId,
      sealedReference: tools.seal(record.reference, customerId),
      isPrimary: true,
      ownId: customerId,
    });
    change.events.push({ customerId: shared, to: customerId });

    const leading =
      staying.find((one) => one.isPrimary) ??
      staying.find((one) => next && isSamePerson(one, next)) ??
      staying[0];
    if (!leading) continue;
    if (!leading.isPrimary) change.references.push({ ...recordOf(leading), isPrimary: true });

    for (const alias of person.identifiers.filter((one) => one.mergedInto === shared)) {
      const goesAlong = alias.customerId === record.ownId;
      if (goesAlong) change.changed.push({ ...alias, mergedInto: customerId });
      change.consents.push({ customerId: alias.customerId, person: goesAlong ? leaving : leading });
    }
    change.consents.push({ customerId: shared, person: leading });
    // A new number in the registry: every process looks at the identifier again.
    change.changed.push(own);
  }
  return change;
}

/** Forgets a person: identifiers stay as used up, blind indexes as known to be erased; nothing leads from one to the other. */
export function planErasure(person: Person, tools: Pick<LifeTools, 'indexOf'>): LifeChange {
  const change = noChange();
  for (const record of person.identifiers) {
    change.changed.push({
      ...record,
      state: 'erased',
      mergedInto: undefined,
      disabledAtMs: undefined,
      createdAtMs: 0,
    });
    change.events.push({ customerId: record.customerId });
  }
  const indexes = person.references.flatMap(({ group, space, reference, subjectIndex }) => [
    subjectIndex,
    tools.indexOf({ group, space, reference }),
  ]);
  change.forgotten = [...new Set(indexes)].sort();
  return change;
}

/** Disables a person's identifiers, or enables them (`undefined`); names only those that this changes. */
export function planStanding(person: Person, disabledAtMs: number | undefined): LifeChange {
  const change = noChange();
  for (const record of person.identifiers.filter(isLiving)) {
    if ((record.disabledAtMs === undefined) === (disabledAtMs === undefined)) continue;
    change.changed.push({ ...record, disabledAtMs });
    change.events.push({ customerId: record.customerId });
  }
  return change;
}
