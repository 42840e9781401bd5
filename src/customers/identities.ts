import type { Audit } from '../audit/audit.ts';
import { BridgeError } from '../errors.ts';
import {
  type CustomerIdentifier,
  type CustomerReference,
  type IdentifierSubject,
  MAX_IDENTIFIER_KEY_VERSION,
  parseIdentifier,
} from '../identifiers/identifier.ts';
import type { Keyring } from '../keyring/keyring.ts';
import type { AdminActor } from '../partners/partners.ts';
import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import type { CustomerStore, RegistryStore } from './customer-registry.ts';
import { createLookupAllowance } from './lookup-allowance.ts';
import { createPersons } from './persons.ts';
import { createPinCustomers, type IdentifiedCustomer } from './pin-customers.ts';

export interface TracedCustomer {
  customerId: CustomerIdentifier;
  group: string;
  space: string;
  reference: CustomerReference;
  pinnedAtMs: number;
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
export function createIdentities(deps: IdentitiesDeps): Identities {
  const { store, registry, keyring, audit } = deps;
  const persons = createPersons({ registry, keyring });
  const allowance = createLookupAllowance({ ...deps, perHour: TRACES_PER_HOUR });

  const { findKnown, identify } = createPinCustomers({ ...deps, persons });

  return {
    identify,

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
