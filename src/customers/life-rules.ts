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
        ownIds: known?.ownIds ?? [],
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
    staying.find(({ ownIds, customerId }) => ownIds.includes(customerId)) ??
    staying[0]
  );
}

/** Two sides of a split in one group: who goes on under the shared identifier, and who gets a new one. */
interface Sides {
  keeping: OpenedReference[];
  moving: OpenedReference[];
}

/** An identifier stays with the name that had it alone before a merge, leaving or not; any other with who is left. */
function sidesOf(leaving: OpenedReference, staying: OpenedReference[]): Sides {
  return leaving.ownIds.includes(leaving.customerId)
    ? { keeping: [leaving], moving: staying }
    : { keeping: staying, moving: [leaving] };
}

/**
 * Takes one name away from a person. In each group where it shares an identifier, that stays with the name that had it
 * before a merge, or else with whoever is left; the other side gets a new random one. What either had before a merge
 * goes along with it as another name, so no identifier that somebody had alone ever leads to the other.
 */
export function planSplit(person: Person, leaving: NamedPerson, tools: LifeTools): LifeChange {
  const change = noChange();
  const next = leadingOf(person, leaving);
  for (const record of person.references.filter((one) => isSamePerson(one, leaving))) {
    const shared = record.customerId;
    const staying = person.references.filter((one) => one.customerId === shared && one !== record);
    const leftLeading =
      staying.find((one) => one.isPrimary) ??
      staying.find((one) => next && isSamePerson(one, next)) ??
      staying[0];
    const own = person.identifiers.find(({ customerId }) => customerId === shared);
    if (!leftLeading || !own) continue;
    const { keeping, moving } = sidesOf(record, staying);
    const isLeading = (one: OpenedReference) => one === record || one === leftLeading;

    const customerId = tools.newIdentifier((moving.find(isLeading) ?? record).space);
    change.added.push({ ...own, customerId, createdAtMs: tools.nowMs });
    for (const one of moving) {
      change.references.push({
        ...recordOf(one),
        customerId,
        sealedReference: tools.seal(one.reference, customerId),
        isPrimary: isLeading(one),
        ownIds: isLeading(one) ? [customerId, ...one.ownIds] : one.ownIds,
      });
    }
    for (const one of keeping) {
      if (isLeading(one) && !one.isPrimary) change.references.push({ ...recordOf(one), isPrimary: true });
    }
    change.events.push({ customerId: shared, to: customerId });

    for (const alias of person.identifiers.filter((one) => one.mergedInto === shared)) {
      const goesAlong = record.ownIds.includes(alias.customerId);
      const side = goesAlong ? record : leftLeading;
      if (moving.includes(side)) change.changed.push({ ...alias, mergedInto: customerId });
      change.consents.push({ customerId: alias.customerId, person: side });
    }
    change.consents.push({ customerId: shared, person: keeping.find(isLeading) ?? leftLeading });
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
