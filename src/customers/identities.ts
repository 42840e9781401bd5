import type { Audit } from '../audit/audit.ts';
import { BridgeError } from '../errors.ts';
import {
  type CustomerIdentifier,
  type CustomerReference,
  deriveIdentifier,
  type IdentifierSubject,
  MAX_IDENTIFIER_KEY_VERSION,
  parseIdentifier,
  parseReference,
  subjectIndex,
} from '../identifiers/identifier.ts';
import type { Keyring } from '../keyring/keyring.ts';
import type { AdminActor } from '../partners/partners.ts';
import type { Clock } from '../platform/clock.ts';
import type { CustomerStore, PinnedCustomer } from './customer-registry.ts';

export interface TracedCustomer {
  customerId: CustomerIdentifier;
  group: string;
  space: string;
  reference: CustomerReference;
  pinnedAtMs: number;
}

export interface Identities {
  /** The identifier of a customer: the pinned one, or a new one that is pinned before it is returned. */
  identify(subject: IdentifierSubject): Promise<CustomerIdentifier>;
  /** The pinned identifier of a customer who has one. */
  known(subject: IdentifierSubject): Promise<CustomerIdentifier | undefined>;
  /** Who is behind an identifier, for our own use alone: nobody is told, so nothing is recorded. */
  subjectOf(customerId: CustomerIdentifier): Promise<IdentifierSubject | undefined>;
  /**
   * Who is behind an identifier. The audit record, with the operator's reason, is written before the answer is
   * given. Throws `NOT_FOUND`, also for text that is no identifier.
   */
  trace(customerId: string, reason: string, by: AdminActor): Promise<TracedCustomer>;
  /** New customers get identifiers under a new key from now on; known ones keep theirs. Returns the key's version. */
  rotateKey(by: AdminActor): Promise<number>;
}

export interface IdentitiesDeps {
  store: CustomerStore;
  keyring: Keyring;
  clock: Clock;
  audit: Audit;
}

export function createIdentities(deps: IdentitiesDeps): Identities {
  const { store, keyring, clock, audit } = deps;

  const findKnown = async (subject: IdentifierSubject): Promise<PinnedCustomer | undefined> => {
    for (const { key } of keyring.all('identifier-index')) {
      const known = await store.findByIndex(subjectIndex(key, subject));
      if (known) return known;
    }
    return undefined;
  };

  const referenceOf = (pinned: PinnedCustomer): CustomerReference | undefined => {
    const bytes = keyring.open('reference', pinned.sealedReference, pinned.customerId);
    return bytes && parseReference(bytes.toString('utf8'));
  };

  return {
    identify: async (subject) => {
      const known = await findKnown(subject);
      if (known) return known.customerId;
      const { key, version } = keyring.current('identifier');
      const customerId = deriveIdentifier(key, version, subject);
      const pinned = await store.pin({
        customerId,
        group: subject.group,
        space: subject.space,
        subjectIndex: subjectIndex(keyring.current('identifier-index').key, subject),
        sealedReference: keyring.seal('reference', Buffer.from(subject.reference, 'utf8'), customerId),
        createdAtMs: clock.nowMs(),
      });
      audit.event('customer.pinned', {
        outcome: 'success',
        actor: 'system',
        customerId: pinned.customerId,
        details: { group: subject.group, space: subject.space },
      });
      return pinned.customerId;
    },

    known: async (subject) => (await findKnown(subject))?.customerId,

    subjectOf: async (customerId) => {
      const pinned = await store.findByIdentifier(customerId);
      const reference = pinned && referenceOf(pinned);
      return reference && { group: pinned.group, space: pinned.space, reference };
    },

    trace: async (text, reason, by) => {
      const customerId = parseIdentifier(text);
      const pinned = customerId && (await store.findByIdentifier(customerId));
      const reference = pinned && referenceOf(pinned);
      const found = pinned !== undefined && reference !== undefined;
      await store.recordLookup(
        audit.record('customer.traced', {
          ...by,
          outcome: found ? 'success' : 'refused',
          customerId,
          reason,
        }),
      );
      if (!found) throw new BridgeError('NOT_FOUND', { message: 'No customer has this identifier.' });
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
      const version = await keyring.rotate('identifier');
      await store.recordLookup(
        audit.record('identifier.key_rotated', { ...by, outcome: 'success', details: { version } }),
      );
      return version;
    },
  };
}
