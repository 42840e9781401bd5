import { createSessions } from '../../../src/sessions/sessions.ts';
import { createChangeCustomers } from '../../../src/customers/identifier-life/change-customers.ts';
import { createDisableCustomer } from '../../../src/customers/identifier-life/disable-customer.ts';
import { createEraseCustomer } from '../../../src/customers/identifier-life/erase-customer.ts';
import { createErasureCertificates } from '../../../src/customers/identifier-life/erasure-certificate.ts';
import { createIdentities } from '../../../src/customers/identities.ts';
import { createImportIdentifiers } from '../../../src/customers/identifier-life/import-identifiers.ts';
import { createMergeCustomers } from '../../../src/customers/identifier-life/merge-customers.ts';
import { createPersons } from '../../../src/customers/persons.ts';
import { createSplitCustomer } from '../../../src/customers/identifier-life/split-customer.ts';
import { createEndedReferences } from '../../../src/sessions/ended-references.ts';
import { ISSUER, openRooms } from '../fixture.ts';

export const GROUPS = ['north', 'south', 'late'] as const;
export const SPACES = ['crm', 'shop'] as const;

/** Everything that changes an identifier's life, over a database in memory or the PostgreSQL at `url`. */
export async function openLife({ url }: { url?: string } = {}) {
  const rooms = await openRooms(url === undefined ? {} : { url });
  const { stores, keyring, clock, audit } = rooms;
  const { registry } = stores;
  const persons = createPersons({ registry, keyring });
  const sessions = createSessions({
    ...rooms,
    lifetimes: { idleSeconds: 1_800, absoluteSeconds: 28_800 },
    maxTokenLifetimeSeconds: 28_800,
  });
  const change = createChangeCustomers({
    ...rooms,
    registry,
    persons,
    sessions,
    families: { endAllOf: async () => {} },
    receivers: new Set(['north']),
    rememberSeconds: 60_000,
  });
  const certificates = createErasureCertificates({ keyring });
  return {
    ...rooms,
    registry,
    persons,
    sessions,
    certificates,
    identities: createIdentities({ ...rooms, registry, store: stores.customers }),
    merge: createMergeCustomers(change),
    split: createSplitCustomer(change),
    disable: createDisableCustomer({ change, clock }),
    erase: createEraseCustomer({
      change,
      certificates,
      clock,
      endedReferences: createEndedReferences(rooms),
      issuer: ISSUER,
    }),
    importRows: createImportIdentifiers({
      change,
      persons,
      registry,
      clock,
      groups: new Set(GROUPS),
      spaces: new Set(SPACES),
    }),
    audit,
  };
}

export type Life = Awaited<ReturnType<typeof openLife>>;
