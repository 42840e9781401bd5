import type { Audit } from '../audit/audit.ts';
import { BridgeError } from '../errors.ts';
import {
  type CustomerIdentifier,
  type CustomerReference,
  deriveIdentifier,
  type IdentifierSubject,
  randomIdentifier,
  type ReferenceSpace,
} from '../identifiers/identifier.ts';
import type { Keyring } from '../keyring/keyring.ts';
import type { Clock } from '../platform/clock.ts';
import type { CustomerStore, PinnedCustomer, RegistryStore } from './customer-registry.ts';
import { type LifeChange, planUnion } from './life-rules.ts';
import type { createPersons, NamedPerson } from './persons.ts';

/** A customer of a group, by the reference that leads after merges. */
export interface IdentifiedCustomer {
  customerId: CustomerIdentifier;
  space: ReferenceSpace;
  reference: CustomerReference;
}

export interface PinCustomersDeps {
  store: CustomerStore;
  registry: RegistryStore;
  keyring: Keyring;
  clock: Clock;
  audit: Audit;
  persons: ReturnType<typeof createPersons>;
}

/** How often a first sign-in starts over when the registry changes under it. */
const ATTEMPTS = 10;

/** Looks customers up in the registry, and pins an identifier for those who have none yet. */
export function createPinCustomers({ store, registry, keyring, clock, audit, persons }: PinCustomersDeps) {
  const findKnown = async (subject: IdentifierSubject): Promise<PinnedCustomer | undefined> => {
    for (const index of persons.indexesOf(subject)) {
      const known = await store.findByIndex(index);
      if (known) return known;
    }
    return undefined;
  };

  const identified = (pinned: PinnedCustomer): IdentifiedCustomer | undefined => {
    if (pinned.disabledAtMs !== undefined) return undefined;
    const reference = persons.open(pinned);
    if (reference === undefined) {
      throw new BridgeError('INTERNAL_ERROR', { cause: new Error('a pinned reference does not open') });
    }
    return { customerId: pinned.customerId, space: pinned.space, reference };
  };

  /** Pins a subject that has no identifier yet; `undefined` when the registry has changed, so look again. */
  const pinNew = async (
    subject: IdentifierSubject,
    sequence: number,
  ): Promise<PinnedCustomer | undefined> => {
    const { key, version } = keyring.current('identifier');
    const indexes = persons.indexesOf(subject);
    const erased = await registry.erasedAmong(indexes);
    const candidates = [
      // The derived identifier of an erased customer is used up, and may be traced by whoever knows the key.
      ...(erased.size === 0 ? [deriveIdentifier(key, version, subject)] : []),
      randomIdentifier(version, subject.space),
    ];
    for (const customerId of candidates) {
      const pinned = await store.pin(
        {
          customerId,
          group: subject.group,
          space: subject.space,
          subjectIndex: indexes[0] as string,
          sealedReference: persons.seal(subject.reference, customerId),
          createdAtMs: clock.nowMs(),
        },
        sequence,
      );
      if (pinned === 'changed') return undefined;
      if (pinned === 'taken') continue;
      audit.event('customer.pinned', {
        outcome: 'success',
        actor: 'system',
        customerId: pinned.customerId,
        details: { group: subject.group, space: subject.space },
      });
      return pinned;
    }
    return undefined;
  };

  /** Lets a further name of a merged customer lead to the identifier that this group has for them. */
  const joinMerged = async (
    subject: IdentifierSubject,
    person: Awaited<ReturnType<typeof persons.find>>,
    sequence: number,
  ): Promise<void> => {
    const leading: NamedPerson = person.references.find(({ isPrimary }) => isPrimary) ?? subject;
    const { group } = subject;
    const here = person.references.some((record) => record.group === group);
    if (!here) {
      const { space, reference } = leading;
      await pinNew({ group, space, reference }, sequence);
      return;
    }
    const change: LifeChange = planUnion(person, leading, {
      indexOf: (one) => persons.indexesOf(one)[0] as string,
      seal: persons.seal,
      newIdentifier: (space) => randomIdentifier(keyring.current('identifier').version, space),
      nowMs: clock.nowMs(),
    });
    const record = (customerId: CustomerIdentifier) =>
      audit.record('customer.merged', {
        outcome: 'success',
        actor: 'system',
        customerId,
        reason: 'merged before in another channel group',
      });
    await registry.apply({
      ...change,
      sequence,
      absent: person.absent,
      revocations: [],
      ended: [],
      purged: [],
      consents: change.consents.map((one) => ({
        customerId: one.customerId,
        personIndex: persons.personIndexOf(one.person),
      })),
      notices: [],
      audit: change.events.map(({ customerId }) => record(customerId)),
    });
  };

  /** A first sign-in in a group: what is known of the person in other groups holds here as well. */
  const identifyNew = async (subject: IdentifierSubject): Promise<IdentifiedCustomer | undefined> => {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const sequence = await registry.sequence();
      const known = await findKnown(subject);
      if (known) return identified(known);
      const { space, reference } = subject;
      const person = await persons.find({ name: { space, reference } });
      if (person.identifiers.some(({ disabledAtMs }) => disabledAtMs !== undefined)) return undefined;
      if (person.names.length > 1) {
        await joinMerged(subject, person, sequence);
        continue;
      }
      const pinned = await pinNew(subject, sequence);
      if (pinned) return identified(pinned);
    }
    throw new BridgeError('STORE_UNAVAILABLE', { retryAfterSeconds: 1 });
  };

  return {
    findKnown,

    /** See `Identities.identify`. */
    identify: async (subject: IdentifierSubject): Promise<IdentifiedCustomer | undefined> => {
      const known = await findKnown(subject);
      return known ? identified(known) : identifyNew(subject);
    },
  };
}
