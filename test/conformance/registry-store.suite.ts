import { describe, expect, it } from 'vitest';
import type {
  CustomerRevision,
  IdentifierRecord,
  PartnerNotice,
  ReferenceRecord,
} from '../../src/customers/customer-registry.ts';
import type { ChannelGroup, CustomerIdentifier, ReferenceSpace } from '../../src/identifiers/identifier.ts';
import { consent } from './consent-store.suite.ts';
import { customer } from './customer-store.suite.ts';
import { refreshFamily } from './refresh-family-store.suite.ts';
import { revocation } from './revocation-store.suite.ts';
import {
  auditedReasons,
  auditRecord,
  freshStores,
  inParallel,
  START_MS,
  type StoreEngine,
} from './store-fixture.ts';

const id = (name: string) => `c1${name}` as CustomerIdentifier;

function identifier(name: string, change: Partial<IdentifierRecord> = {}): IdentifierRecord {
  return {
    customerId: id(name),
    group: 'web' as ChannelGroup,
    state: 'living',
    mergedInto: undefined,
    disabledAtMs: undefined,
    createdAtMs: START_MS,
    ...change,
  };
}

function reference(name: string, change: Partial<ReferenceRecord> = {}): ReferenceRecord {
  return {
    subjectIndex: `index-${name}`,
    customerId: id(name),
    space: 'crm' as ReferenceSpace,
    sealedReference: `sealed-${name}`,
    isPrimary: true,
    ownIds: [id(name), id('former')],
    ...change,
  };
}

function notice(name: string, change: Partial<PartnerNotice> = {}): PartnerNotice {
  return {
    id: name,
    partner: 'acme',
    type: 'customer.erased',
    body: '{}',
    createdAtMs: START_MS,
    attempts: 0,
    dueAtMs: START_MS,
    ...change,
  };
}

function revision(sequence: number, change: Partial<CustomerRevision> = {}): CustomerRevision {
  return {
    sequence,
    absent: [],
    added: [],
    changed: [],
    references: [],
    forgotten: [],
    revocations: [],
    ended: [],
    purged: [],
    consents: [],
    notices: [],
    audit: [auditRecord(`revision ${sequence + 1}`)],
    ...change,
  };
}

/** B has been merged into A. */
const merged = (sequence = 0) =>
  revision(sequence, {
    changed: [identifier('b', { state: 'merged', mergedInto: id('a') })],
    references: [reference('b', { customerId: id('a'), sealedReference: 'b for a', isPrimary: false })],
  });

export function registryStoreSuite(engine: StoreEngine): void {
  describe('registry store', () => {
    const at = freshStores(engine);
    const pinBoth = async () => {
      for (const name of ['a', 'b']) await at.stores.customers.pin(customer(name));
    };

    it('leads both references of a merge to the survivor, by either identifier, and tells of it', async () => {
      await pinBoth();
      const { registry, customers, standings } = at.stores;
      expect(await registry.apply(merged())).toBe('applied');
      for (const index of ['index-a', 'index-b'])
        expect(await customers.findByIndex(index)).toEqual(customer('a'));
      for (const name of ['a', 'b']) {
        expect(await customers.findByIdentifier(id(name))).toEqual(customer('a'));
        const { identifiers, references } = await registry.load({ customerIds: [id(name).toUpperCase()] });
        expect(identifiers.map((one) => one.customerId).sort()).toEqual([id('a'), id('b')]);
        expect(references).toHaveLength(2);
      }
      const { changes, sequence } = await standings.since(0);
      expect(changes).toEqual([
        {
          customerId: id('b'),
          standing: { state: 'merged', into: id('a'), space: 'crm', sealedReference: 'sealed-a' },
        },
      ]);
      expect(await standings.since(sequence)).toEqual({ changes: [], sequence });
      expect(await auditedReasons(at.stores)).toEqual(['revision 1']);
    });

    it('tells again of other names when their survivor gets another leading reference', async () => {
      await pinBoth();
      const { registry, standings } = at.stores;
      await registry.apply(merged());
      const { sequence } = await standings.since(0);
      await registry.apply(
        revision(1, {
          references: [reference('a', { isPrimary: false }), reference('c', { customerId: id('a') })],
        }),
      );
      expect((await standings.since(sequence)).changes).toMatchObject([
        { customerId: id('b'), standing: { sealedReference: 'sealed-c' } },
      ]);
    });

    it('erases: no reference leads anywhere, the identifier is never given again, what hung on it is gone', async () => {
      await pinBoth();
      const { registry, customers, standings, refreshFamilies, consents, sessions, revocations } = at.stores;
      for (const name of ['a', 'b']) {
        await refreshFamilies.insert({ ...refreshFamily(name), currentDigest: name, customerId: id(name) });
        await consents.put(consent('one', id(name)));
        await sessions.write(name, JSON.stringify({ customer: { customerId: id(name) } }), START_MS + 1_000);
      }
      const outcome = await registry.apply(
        revision(0, {
          changed: [identifier('a', { state: 'erased', createdAtMs: 0 })],
          forgotten: ['index-a'],
          purged: [id('a')],
          revocations: [revocation('a')],
          notices: [notice('told')],
        }),
      );
      expect(outcome).toBe('applied');
      expect(await customers.findByIndex('index-a')).toBeUndefined();
      expect(await customers.findByIdentifier(id('a'))).toBeUndefined();
      expect(await registry.erasedAmong(['index-a', 'index-b'])).toEqual(new Set(['index-a']));
      expect(await customers.pin(customer('x', { customerId: id('a') }))).toBe('taken');
      expect((await standings.since(0)).changes).toEqual([
        { customerId: id('a'), standing: { state: 'erased' } },
      ]);
      expect([await refreshFamilies.find('a'), await sessions.read('a', START_MS)]).toEqual([
        undefined,
        undefined,
      ]);
      expect([
        await consents.find('one' as never, id('a')),
        (await revocations.since(0, START_MS)).sequence,
      ]).toEqual([undefined, 1]);
      expect(await refreshFamilies.find('b')).toBeDefined();
      expect(await sessions.read('b', START_MS)).toBeDefined();
    });

    it('tells of who is disabled and of who is enabled again', async () => {
      await pinBoth();
      const { registry, standings, customers } = at.stores;
      await registry.apply(revision(0, { changed: [identifier('a', { disabledAtMs: START_MS })] }));
      expect((await standings.since(0)).changes).toEqual([
        { customerId: id('a'), standing: { state: 'disabled' } },
      ]);
      expect((await customers.findByIndex('index-a'))?.disabledAtMs).toBe(START_MS);
      await registry.apply(revision(1, { changed: [identifier('a')] }));
      expect((await standings.since(1)).changes).toEqual([{ customerId: id('a'), standing: undefined }]);
    });

    it('does nothing and records nothing when what it was planned on has changed', async () => {
      await pinBoth();
      const { registry, customers } = at.stores;
      for (const change of [
        merged(7),
        { ...merged(), absent: ['index-new', 'index-b'] },
        { ...merged(), added: [identifier('A')] },
      ]) {
        expect(await registry.apply(change)).toBe('conflict');
      }
      expect(await registry.sequence()).toBe(0);
      expect(await customers.findByIndex('index-b')).toEqual(customer('b'));
      expect(await auditedReasons(at.stores)).toEqual([]);
    });

    it('of many changes planned at once lets one through', async () => {
      await pinBoth();
      const outcomes = await inParallel(8, () => at.stores.registry.apply(merged()));
      expect(outcomes.filter((one) => one === 'applied')).toHaveLength(1);
      expect(await auditedReasons(at.stores)).toEqual(['revision 1']);
    });

    it('pins nobody who was looked up before a change', async () => {
      const { registry, customers } = at.stores;
      await registry.apply(revision(0));
      expect(await customers.pin(customer('a'), 0)).toBe('changed');
      expect(await customers.pin(customer('a'), 1)).toEqual(customer('a'));
      expect(await registry.groups()).toEqual(['web']);
    });

    const due = { latestMs: START_MS + 3_600_000, leaseMs: 60_000, limit: 10 };
    it('gives a notice that was put off further than any can be: the clock was set back since', async () => {
      const { registry, notices } = at.stores;
      const dueAtMs = START_MS + 86_400_000;
      await registry.apply(revision(0, { notices: [notice('one', { dueAtMs })] }));
      expect(await notices.claim({ ...due, nowMs: START_MS, latestMs: dueAtMs })).toEqual([]);
      expect((await notices.claim({ ...due, nowMs: START_MS })).map((one) => one.id)).toEqual(['one']);
      expect(await notices.claim({ ...due, nowMs: START_MS })).toEqual([]);
    });

    it('keeps a notice until it is removed, and gives it to one process at a time', async () => {
      const { registry, notices } = at.stores;
      await registry.apply(
        revision(0, { notices: [notice('one'), notice('later', { dueAtMs: START_MS + 10 })] }),
      );
      const claims = await inParallel(4, () => notices.claim({ ...due, nowMs: START_MS }));
      expect(claims.flat().map((one) => one.id)).toEqual(['one']);
      await notices.postpone('one', START_MS + 5);
      expect(await notices.claim({ ...due, nowMs: START_MS + 5 })).toEqual([
        notice('one', { attempts: 1, dueAtMs: START_MS + 5 }),
      ]);
      await notices.remove('one');
      expect((await notices.list(10)).map((one) => one.id)).toEqual(['later']);
    });
  });
}
