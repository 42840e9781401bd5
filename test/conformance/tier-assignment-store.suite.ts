import { describe, expect, it } from 'vitest';
import { auditedReasons, auditRecord, freshStores, inParallel, type StoreEngine } from './store-fixture.ts';

/** What is promised of the store of tier assignments. */
export function tierAssignmentStoreSuite(engine: StoreEngine): void {
  describe('tier assignments', () => {
    const at = freshStores(engine);
    const key = { kind: 'key' as const, id: 'ak_1', tier: 'messaging' };

    it('are read as changes after a point, each once, newest state alone', async () => {
      const { tierAssignments } = at.stores;
      expect(await tierAssignments.since(0)).toEqual({ assignments: [], sequence: 0 });
      await tierAssignments.assign(key, auditRecord('first'));
      await tierAssignments.assign({ kind: 'client', id: 'cl_1', tier: 'staging' }, auditRecord('second'));
      const first = await tierAssignments.since(0);
      expect(first.assignments).toEqual([key, { kind: 'client', id: 'cl_1', tier: 'staging' }]);
      await tierAssignments.assign({ ...key, tier: 'production' }, auditRecord('third'));
      const news = await tierAssignments.since(first.sequence);
      expect(news.assignments).toEqual([{ ...key, tier: 'production' }]);
      expect((await tierAssignments.since(news.sequence)).assignments).toEqual([]);
    });

    it('that are taken away are told of too', async () => {
      const { tierAssignments } = at.stores;
      await tierAssignments.assign(key, auditRecord('given'));
      const { sequence } = await tierAssignments.since(0);
      await tierAssignments.assign({ ...key, tier: undefined }, auditRecord('taken'));
      expect((await tierAssignments.since(sequence)).assignments).toEqual([{ ...key, tier: undefined }]);
    });

    it('carry their audit record', async () => {
      await at.stores.tierAssignments.assign(key, auditRecord('why'));
      expect(await auditedReasons(at.stores)).toEqual(['why']);
    });

    it('keep a key and a client of the same id apart', async () => {
      const { tierAssignments } = at.stores;
      await tierAssignments.assign({ ...key, id: 'same' }, auditRecord('key'));
      await tierAssignments.assign({ kind: 'client', id: 'same', tier: 'staging' }, auditRecord('client'));
      expect((await tierAssignments.since(0)).assignments).toHaveLength(2);
    });

    it('made in parallel are all seen by a reader that polls meanwhile', async () => {
      const { tierAssignments } = at.stores;
      const seen = new Set<string>();
      let sequence = 0;
      const read = async () => {
        const news = await tierAssignments.since(sequence);
        for (const { id } of news.assignments) seen.add(id);
        sequence = news.sequence;
      };
      await inParallel(20, async (i) => {
        await tierAssignments.assign({ ...key, id: `ak_${i}` }, auditRecord(`${i}`));
        await read();
      });
      await read();
      expect(seen.size).toBe(20);
    });
  });
}
