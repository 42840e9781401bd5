import { BridgeError } from '../../errors.ts';
import { type CustomerIdentifier, parseReference } from '../../identifiers/identifier.ts';
import type { AdminActor } from '../../partners/partners.ts';
import type { ChangeCustomers, PlannedChange } from './change-customers.ts';
import { planSplit } from '../life-rules.ts';
import type { NamedPerson, Person } from '../persons.ts';

export interface SplitIdentifier {
  group: string;
  /** Stays with the one who had it before the merge, or else with whoever is left. */
  kept: CustomerIdentifier;
  /** Of the other side: new and random. */
  given: CustomerIdentifier;
}

const nothingToSplit = () =>
  new BridgeError('CONFLICT', {
    message: 'This customer has no other reference, so there is nothing to split.',
  });

/** Whom the operator means: a reference, or whoever had the named identifier before it was merged. */
function leavingName(
  person: Person,
  named: CustomerIdentifier | string,
  asked: { reference?: string | undefined; space?: string | undefined },
): NamedPerson {
  if (asked.reference === undefined) {
    if (person.names.length < 2) throw nothingToSplit();
    const own = person.references.find(
      ({ ownIds, customerId }) => named !== customerId && ownIds.some((id) => id === named),
    );
    if (own) return own;
    throw new BridgeError('INVALID_REQUEST', {
      message:
        'Name the reference to split off, or the identifier that it had before it was merged: this one has to stay with whoever is left.',
      details: { member: 'reference' },
    });
  }
  const reference = parseReference(asked.reference);
  const found = person.names.filter(
    (name) => name.reference === reference && name.space === (asked.space ?? name.space),
  );
  if (found.length === 1) return found[0] as NamedPerson;
  if (found.length === 0) {
    throw new BridgeError('NOT_FOUND', { message: 'This customer has no such reference.' });
  }
  throw new BridgeError('INVALID_REQUEST', {
    message: 'The customer has this reference in several spaces. Name the space.',
    details: { member: 'reference_space' },
  });
}

/**
 * Takes a reference away from a customer, which undoes a merge. In every channel group where it shared an identifier,
 * that stays with the one who had it before the merge and the other gets a new random one; everything that was issued
 * to either ends. Throws `NOT_FOUND`, `INVALID_REQUEST`, or `CONFLICT` when the customer has no other reference.
 */
export function createSplitCustomer(change: ChangeCustomers) {
  return async (
    customerId: string,
    asked: { reference?: string | undefined; space?: string | undefined; reason: string },
    by: AdminActor,
  ): Promise<SplitIdentifier[]> => {
    const plan = async () => {
      const person = await change.personOf(customerId);
      const leaving = leavingName(person, customerId, asked);
      const split = planSplit(person, leaving, change.tools());
      if (split.added.length === 0) throw nothingToSplit();
      const kept = split.events.map((event) => event.customerId);
      const aliases = person.identifiers.filter(({ mergedInto }) => mergedInto && kept.includes(mergedInto));
      const splits = split.added.map(({ group, customerId: given }) => ({
        group,
        given,
        kept: split.events.find(({ to }) => to === given)?.customerId as CustomerIdentifier,
      }));
      const notices = change.noticesFor(
        'customer.split',
        splits.map((one) => ({
          group: one.group,
          fact: { customer_id: one.kept, new_customer_id: one.given },
        })),
        (identifiers) => ({ identifiers }),
      );
      return {
        event: 'customer.split',
        change: split,
        absent: person.absent,
        ended: [...kept, ...aliases.map((alias) => alias.customerId), ...splits.map(({ given }) => given)],
        notices,
        splits,
      } as const satisfies PlannedChange & Record<string, unknown>;
    };
    return (await change.commit(plan, { reason: asked.reason, by })).splits;
  };
}

export type SplitCustomer = ReturnType<typeof createSplitCustomer>;
