import type { Audit } from '../audit/audit.ts';
import { BridgeError } from '../errors.ts';
import {
  type CustomerIdentifier,
  type CustomerReference,
  deriveIdentifier,
  type IdentifierSubject,
  MAX_IDENTIFIER_KEY_VERSION,
  parseIdentifier,
  randomIdentifier,
  type ReferenceSpace,
} from '../identifiers/identifier.ts';
import type { Keyring } from '../keyring/keyring.ts';
import type { AdminActor } from '../partners/partners.ts';
import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import type { CustomerStore, PinnedCustomer, RegistryStore } from './customer-registry.ts';
import { createLookupAllowance } from './lookup-allowance.ts';
import { type LifeChange, planUnion } from './life-rules.ts';
import { createPersons, type NamedPerson } from './persons.ts';

export interface TracedCustomer {
  customerId: CustomerIdentifier;
  group: string;
  space: string;
  reference: CustomerReference;
  pinnedAtMs: number;
}

/** A customer of a group, by the reference that leads after merges. */
export interface IdentifiedCustomer {
  customerId: CustomerIdentifier;
  space: ReferenceSpace;
  reference: CustomerReference;
}

export interface Identities {
  /**
   * The identifier of a customer: the pinned one, or a new one that is pinned before it is returned. `undefined` for a
   * customer who is disabled.
   */
  identify(subject: IdentifierSubject): Promise<IdentifiedCustomer | undefined>;
  /** The pinned identifier of a customer who has one. */
  known(subject: IdentifierSubject): Promise<CustomerIdentifier | undefined>;
  /** Who is behind an identifier, for our own use alone: nobody is told, so nothing is recorded. */
  subjectOf(customerId: CustomerIdentifier): Promise<IdentifierSubject | undefined>;
  /**
   * Who is behind an identifier; of a merged one, the survivor. The audit record, with the operator's reason, is
   * written before the answer is given. Throws `NOT_FOUND`, also for text that is no identifier.
   */
  trace(customerId: string, reason: string, by: AdminActor): Promise<TracedCustomer>;
  /** New customers get identifiers under a new key from now on; known ones keep theirs. Returns the key's version. */
  rotateKey(by: AdminActor): Promise<number>;
}

export interface IdentitiesDeps {
  store: CustomerStore;
  registry: RegistryStore;
  keyring: Keyring;
  clock: Clock;
  audit: Audit;
  logger?: Logger | undefined;
}

/** What people look up by hand stays far below it. */
const TRACES_PER_HOUR = 1_000;
/** How often a first sign-in starts over when the registry changes under it. */
const ATTEMPTS = 10;

export function createIdentities(deps: IdentitiesDeps): Identities {
  const { store, registry, keyring, clock, audit } = deps;
  const persons = createPersons({ registry, keyring });
  const allowance = createLookupAllowance({ ...deps, perHour: TRACES_PER_HOUR });

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
    identify: async (subject) => {
      const known = await findKnown(subject);
      return known ? identified(known) : identifyNew(subject);
    },

    known: async (subject) => (await findKnown(subject))?.customerId,

    subjectOf: async (customerId) => {
      const pinned = await store.findByIdentifier(customerId);
      const reference = pinned && persons.open(pinned);
      return reference && { group: pinned.group, space: pinned.space, reference };
    },

    trace: async (text, reason, by) => {
      allowance.take(1, by);
      const asked = parseIdentifier(text);
      const { identifiers } = asked ? await registry.load({ customerIds: [asked] }) : { identifiers: [] };
      // What nobody ever had may be anything that somebody typed: it has no place in a log.
      const named = identifiers.find((one) => one.customerId === asked);
      const customerId = named?.customerId;
      const pinned = customerId && (await store.findByIdentifier(customerId));
      const reference = pinned && persons.open(pinned);
      const found = pinned !== undefined && reference !== undefined;
      await store.recordLookup(
        audit.record('customer.traced', {
          ...by,
          outcome: found ? 'success' : 'refused',
          customerId,
          reason,
        }),
      );
      if (!found) {
        throw new BridgeError('NOT_FOUND', {
          message:
            named?.state === 'erased'
              ? 'The customer of this identifier was erased: nothing leads back to anybody.'
              : 'No customer has this identifier.',
        });
      }
      return {
        customerId: pinned.customerId,
        group: pinned.group,
        space: pinned.space,
        reference,
        pinnedAtMs: pinned.createdAtMs,
      };
    },

    rotateKey: async (by) => {
      if (keyring.current('identifier').version >= MAX_IDENTIFIER_KEY_VERSION) {
        throw new BridgeError('CONFLICT', {
          message: `The identifier key has been rotated ${MAX_IDENTIFIER_KEY_VERSION} times, which is the most there can be.`,
        });
      }
      return keyring.rotate('identifier', (version) =>
        audit.record('identifier.key_rotated', { ...by, outcome: 'success', details: { version } }),
      );
    },
  };
}
