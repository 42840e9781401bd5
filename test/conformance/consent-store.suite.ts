import { describe, expect, it } from 'vitest';
import type { ClientId } from '../../src/clients/client.ts';
import type { CustomerIdentifier } from '../../src/identifiers/identifier.ts';
import type { Consent } from '../../src/oauth/consent.ts';
import { freshStores, inParallel, START_MS, type StoreEngine } from './store-fixture.ts';

export function consent(client: string, customer: string, change: Partial<Consent> = {}): Consent {
  return {
    clientId: client as ClientId,
    customerId: customer as CustomerIdentifier,
    personIndex: `person-${customer}`,
    scopes: ['profile:read'],
    fields: ['plan'],
    grantedAtMs: START_MS,
    ...change,
  };
}

export function consentStoreSuite(engine: StoreEngine): void {
  describe('consent store', () => {
    const at = freshStores(engine);
    const find = (client: string, customer: string) =>
      at.stores.consents.find(client as ClientId, customer as CustomerIdentifier);

    it('keeps one consent per client and customer, the last that was given', async () => {
      const { consents } = at.stores;
      await consents.put(consent('app', 'c1a'));
      await consents.put(consent('app', 'c1b'));
      await consents.put(consent('app', 'c1a', { scopes: ['profile:read', 'whoami'], fields: [] }));
      expect(await find('app', 'c1a')).toEqual(
        consent('app', 'c1a', { scopes: ['profile:read', 'whoami'], fields: [] }),
      );
      expect(await find('app', 'c1b')).toEqual(consent('app', 'c1b'));
      expect(await find('other', 'c1a')).toBeUndefined();
    });

    it('takes many at once for the same client and customer', async () => {
      const { consents } = at.stores;
      await inParallel(20, (n) => consents.put(consent('app', 'c1a', { grantedAtMs: START_MS + n })));
      expect(await consents.listOf(['person-c1a'])).toHaveLength(1);
    });

    it('lists a person over all identifiers, oldest first', async () => {
      const { consents } = at.stores;
      await consents.put(consent('late', 'c1a', { grantedAtMs: START_MS + 2 }));
      await consents.put(consent('early', 'c1b', { personIndex: 'person-c1a' }));
      await consents.put(
        consent('old-key', 'c1a', { personIndex: 'older-index', grantedAtMs: START_MS + 1 }),
      );
      await consents.put(consent('foreign', 'c1z'));
      const listed = await consents.listOf(['person-c1a', 'older-index']);
      expect(listed.map(({ clientId }) => clientId)).toEqual(['early', 'old-key', 'late']);
      expect(await consents.listOf([])).toEqual([]);
    });

    it('removes one, or all of a customer', async () => {
      const { consents } = at.stores;
      await consents.put(consent('one', 'c1a'));
      await consents.put(consent('two', 'c1a'));
      await consents.put(consent('three', 'c1a'));
      await consents.put(consent('one', 'c1b'));
      await consents.remove('one' as ClientId, 'c1a' as CustomerIdentifier);
      expect(await find('one', 'c1a')).toBeUndefined();
      expect(await consents.removeAllOf('c1a' as CustomerIdentifier)).toBe(2);
      expect(await find('one', 'c1b')).toEqual(consent('one', 'c1b'));
    });
  });
}
