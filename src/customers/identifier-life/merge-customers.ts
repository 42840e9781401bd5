import { BridgeError } from '../../errors.ts';
import { type CustomerIdentifier, isTestSpace } from '../../identifiers/identifier.ts';
import type { AdminActor } from '../../partners/partners.ts';
import type { ChangeCustomers, PlannedChange } from './change-customers.ts';
import { planUnion } from '../life-rules.ts';
import { isSamePerson, type NamedPerson, type Person } from '../persons.ts';

export interface MergedIdentifier {
  group: string;
  survivor: CustomerIdentifier;
  /** Now other names of the survivor. */
  aliases: CustomerIdentifier[];
}

/** Two people as one, the names of the first before those of the second. */
export function unionOf(first: Person, second: Person): Person {
  const names = [...first.names];
  for (const name of second.names) if (!names.some((known) => isSamePerson(known, name))) names.push(name);
  const identifiers = new Map([...first.identifiers, ...second.identifiers].map((r) => [r.customerId, r]));
  const references = new Map([...first.references, ...second.references].map((r) => [r.subjectIndex, r]));
  return {
    names,
    identifiers: [...identifiers.values()],
    references: [...references.values()],
    absent: [...new Set([...first.absent, ...second.absent])],
  };
}

function refuseDisabled(person: Person): void {
  if (person.identifiers.some(({ disabledAtMs }) => disabledAtMs !== undefined)) {
    throw new BridgeError('CONFLICT', {
      message: 'One of the two customers is disabled. Enable both before merging them.',
    });
  }
}

/** A made-up person must never lead to the data of a real one. */
function refuseMixed(names: readonly NamedPerson[]): void {
  if (names.some(({ space }) => isTestSpace(space) !== isTestSpace(names[0]?.space ?? ''))) {
    throw new BridgeError('CONFLICT', {
      message: 'One of the two is a test customer. Test customers are never merged with real ones.',
    });
  }
}

/** What is behind an identifier towards backends: its leading reference. */
export function leadingName(person: Person, customerId: CustomerIdentifier): NamedPerson | undefined {
  const own = person.references.filter((record) => record.customerId === customerId);
  return own.find(({ isPrimary }) => isPrimary) ?? own[0];
}

/**
 * Two customers are one person. In every channel group the survivor's identifier survives (where only the other has
 * one, that one goes on, for the survivor's reference); the other identifier stays known as another name of it.
 * Throws `NOT_FOUND` for an unknown identifier, `CONFLICT` for one person, another group, or somebody disabled.
 */
export function createMergeCustomers(change: ChangeCustomers) {
  return async (
    ids: { customerId: string; into: string },
    reason: string,
    by: AdminActor,
  ): Promise<MergedIdentifier[]> => {
    const plan = async () => {
      const survivor = await change.personOf(ids.into);
      const loser = await change.personOf(ids.customerId);
      const leading = leadingName(survivor, survivor.customerId);
      if (!leading) throw new BridgeError('NOT_FOUND', { message: 'No customer has this identifier.' });
      if (survivor.names.some((name) => loser.names.some((other) => isSamePerson(name, other)))) {
        throw new BridgeError('CONFLICT', { message: 'Both identifiers belong to one customer already.' });
      }
      refuseMixed([...survivor.names, ...loser.names]);
      refuseDisabled(survivor);
      refuseDisabled(loser);
      const person = unionOf(survivor, loser);
      const union = planUnion(person, { space: leading.space, reference: leading.reference }, change.tools());
      const merged = union.changed.flatMap(({ customerId, group, mergedInto }) =>
        mergedInto === undefined ? [] : [{ group, customerId, survivor: mergedInto }],
      );
      const notices = change.noticesFor(
        'customer.merged',
        merged.map(({ group, customerId, survivor: into }) => ({
          group,
          fact: { customer_id: customerId, merged_into: into },
        })),
        (identifiers) => ({ identifiers }),
      );
      return {
        event: 'customer.merged',
        change: union,
        absent: person.absent,
        notices,
        merged,
        person,
      } as const satisfies PlannedChange & Record<string, unknown>;
    };
    const { change: done, merged, person } = await change.commit(plan, { reason, by });
    const groups = new Map<string, MergedIdentifier>();
    for (const { customerId } of done.references) {
      const group = person.identifiers.find((record) => record.customerId === customerId)?.group ?? '';
      groups.set(group, { group, survivor: customerId, aliases: [] });
    }
    for (const { group, customerId } of merged) groups.get(group)?.aliases.push(customerId);
    return [...groups.values()].sort((a, b) => (a.group < b.group ? -1 : 1));
  };
}

export type MergeCustomers = ReturnType<typeof createMergeCustomers>;
