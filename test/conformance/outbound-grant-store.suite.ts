import { describe, expect, it } from 'vitest';
import { freshStores, inParallel, START_MS, type StoreEngine } from './store-fixture.ts';

export const outboundGrant = (connection: string, version = 1) => ({
  connection,
  version,
  sealed: `sealed-${version}`,
  updatedAtMs: START_MS + version,
});

/** What is promised of the store of grants that others gave our connections. */
export function outboundGrantStoreSuite(engine: StoreEngine): void {
  describe('outbound grants', () => {
    const at = freshStores(engine);

    it('are kept one for each connection, newest state alone', async () => {
      const { outboundGrants } = at.stores;
      expect(await outboundGrants.find('crm')).toBeUndefined();
      expect(await outboundGrants.store(outboundGrant('crm'))).toBe('stored');
      expect(await outboundGrants.store(outboundGrant('billing'))).toBe('stored');
      expect(await outboundGrants.store(outboundGrant('crm', 2))).toBe('stored');
      expect(await outboundGrants.find('crm')).toEqual(outboundGrant('crm', 2));
      expect(await outboundGrants.find('billing')).toEqual(outboundGrant('billing'));
    });

    it('are not changed on the ground of a state that is past', async () => {
      const { outboundGrants } = at.stores;
      expect(await outboundGrants.store(outboundGrant('crm', 2))).toBe('outdated');
      await outboundGrants.store(outboundGrant('crm'));
      expect(await outboundGrants.store({ ...outboundGrant('crm'), sealed: 'other' })).toBe('outdated');
      await outboundGrants.store(outboundGrant('crm', 2));
      expect(await outboundGrants.store({ ...outboundGrant('crm', 2), sealed: 'other' })).toBe('outdated');
      expect(await outboundGrants.store(outboundGrant('crm', 4))).toBe('outdated');
      expect(await outboundGrants.find('crm')).toEqual(outboundGrant('crm', 2));
    });

    it('are changed by exactly one of many at once', async () => {
      const { outboundGrants } = at.stores;
      for (const version of [1, 2]) {
        const outcomes = await inParallel(10, (i) =>
          outboundGrants.store({ ...outboundGrant('crm', version), sealed: `by-${i}` }),
        );
        expect(outcomes.filter((outcome) => outcome === 'stored')).toHaveLength(1);
        const winner = outcomes.indexOf('stored');
        expect((await outboundGrants.find('crm'))?.sealed).toBe(`by-${winner}`);
      }
    });
  });
}
