import { describe, expect, it } from 'vitest';
import type { PinnedCustomer } from '../../src/customers/customer-registry.ts';
import type { ChannelGroup, CustomerIdentifier, ReferenceSpace } from '../../src/identifiers/identifier.ts';
import {
  auditedReasons,
  auditRecord,
  freshStores,
  inParallel,
  START_MS,
  type StoreEngine,
} from './store-fixture.ts';

export function customer(id: string, change: Partial<PinnedCustomer> = {}): PinnedCustomer {
  return {
    customerId: `c1${id}` as CustomerIdentifier,
    group: 'web' as ChannelGroup,
    space: 'crm' as ReferenceSpace,
    subjectIndex: `index-${id}`,
    sealedReference: `sealed-${id}`,
    createdAtMs: START_MS,
    ...change,
  };
}

export function customerStoreSuite(engine: StoreEngine): void {
  describe('customer store', () => {
    const at = freshStores(engine);

    it('finds a pinned customer by index and by identifier', async () => {
      const { customers } = at.stores;
      expect(await customers.pin(customer('a'))).toEqual(customer('a'));
      expect(await customers.findByIndex('index-a')).toEqual(customer('a'));
      expect(await customers.findByIdentifier('c1a' as CustomerIdentifier)).toEqual(customer('a'));
      expect(await customers.findByIndex('index-b')).toBeUndefined();
      expect(await customers.findByIdentifier('c1b' as CustomerIdentifier)).toBeUndefined();
    });

    it('keeps the first identifier of a subject for ever', async () => {
      const { customers } = at.stores;
      await customers.pin(customer('a'));
      const later = customer('a', {
        customerId: 'c2later' as CustomerIdentifier,
        sealedReference: 'other',
        createdAtMs: START_MS + 1,
      });
      expect(await customers.pin(later)).toEqual(customer('a'));
      expect(await customers.count()).toBe(1);
    });

    it('gives fifty first sign-ins at once the same identifier', async () => {
      const { customers } = at.stores;
      const pinned = await inParallel(50, (n) =>
        customers.pin(
          customer('a', { customerId: `c1try${n}` as CustomerIdentifier, sealedReference: `sealed-${n}` }),
        ),
      );
      expect(new Set(pinned.map((row) => JSON.stringify(row))).size).toBe(1);
      expect(await customers.findByIndex('index-a')).toEqual(pinned[0]);
      expect(await customers.count()).toBe(1);
    });

    it('never lets two subjects share an identifier', async () => {
      const { customers } = at.stores;
      await customers.pin(customer('a'));
      for (const spelling of ['c1a', 'C1A']) {
        const taken = customer('b', { customerId: spelling as CustomerIdentifier });
        expect(await customers.pin(taken)).toBe('taken');
      }
      expect(await customers.findByIndex('index-b')).toBeUndefined();
      expect(await customers.findByIdentifier('c1a' as CustomerIdentifier)).toEqual(customer('a'));
    });

    it('finds living customers by the beginning of their identifiers, and no others', async () => {
      const { customers } = at.stores;
      for (const id of ['t1a', 't1b', 's1a', 'u1a']) {
        await customers.pin(customer(id, { customerId: id as CustomerIdentifier }));
      }
      const found = await customers.between('t', 'u');
      expect(found.map(({ customerId }) => customerId).sort()).toEqual(['t1a', 't1b']);
    });

    it('has the trace of a look-up on the chain before the look-up answers', async () => {
      await at.stores.customers.recordLookup(auditRecord('complaint 17'));
      expect(await auditedReasons(at.stores)).toEqual(['complaint 17']);
    });
  });
}
