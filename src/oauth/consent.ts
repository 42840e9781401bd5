import type { ClientId } from '../clients/client.ts';
import type { CustomerIdentifier } from '../identifiers/identifier.ts';

/** What a customer allowed one client, once. */
export interface Consent {
  clientId: ClientId;
  customerId: CustomerIdentifier;
  /** Blind index of the person, the same in every channel group: so that one page can list all of them. */
  personIndex: string;
  scopes: string[];
  /** Profile fields that the partner could see when the customer agreed. */
  fields: string[];
  grantedAtMs: number;
}

export interface ConsentStore {
  find(clientId: ClientId, customerId: CustomerIdentifier): Promise<Consent | undefined>;
  /** Adds a consent or replaces the one of this client and customer. */
  put(consent: Consent): Promise<void>;
  /** Consents of a person under any of these indexes, oldest first. */
  listOf(personIndexes: readonly string[]): Promise<Consent[]>;
  remove(clientId: ClientId, customerId: CustomerIdentifier): Promise<void>;
  /** Removes all consents of a customer, as an erasure wants it; returns how many. */
  removeAllOf(customerId: CustomerIdentifier): Promise<number>;
}
