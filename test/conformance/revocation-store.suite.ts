import { describe, expect, it } from 'vitest';
import type { Revocation } from '../../src/revocation/revocation-types.ts';
import { freshStores, inParallel, START_MS, type StoreEngine } from './store-fixture.ts';

export function revocation(id: string, livesMs = 60_000): Revocation {
  return { kind: 'session', id, cutoffMs: START_MS, expiresAtMs: START_MS + livesMs };
}

export function revocationStoreSuite(engine: StoreEngine): void {
  describe('revocation store', () => {
    const at = freshStores(engine);

    it('tells a reader what came after the number that it knows', async () => {
      const { revocations } = at.stores;
      expect(await revocations.since(0, START_MS)).toEqual({ revocations: [], sequence: 0 });
      await revocations.add([revocation('a'), { ...revocation('b'), kind: 'customer' }]);
      await revocations.add([revocation('c')]);
      const all = await revocations.since(0, START_MS);
      expect(all).toEqual({
        revocations: [revocation('a'), { ...revocation('b'), kind: 'customer' }, revocation('c')],
        sequence: 3,
      });
      expect(await revocations.since(2, START_MS)).toEqual({ revocations: [revocation('c')], sequence: 3 });
      expect(await revocations.since(3, START_MS)).toEqual({ revocations: [], sequence: 3 });
      await revocations.add([]);
      expect(await revocations.since(3, START_MS)).toEqual({ revocations: [], sequence: 3 });
    });

    it('drops what can revoke nothing any more, and never gives a number twice', async () => {
      const { revocations } = at.stores;
      await revocations.add([revocation('short', 1_000), revocation('long', 5_000)]);
      const later = START_MS + 1_000;
      expect(await revocations.since(0, later)).toEqual({
        revocations: [revocation('long', 5_000)],
        sequence: 2,
      });
      expect(await revocations.prune(later)).toBe(1);
      expect(await revocations.prune(later)).toBe(0);
      expect(await revocations.prune(START_MS + 9_000)).toBe(1);
      await revocations.add([revocation('next')]);
      expect(await revocations.since(2, START_MS)).toEqual({
        revocations: [revocation('next')],
        sequence: 3,
      });
    });

    it('misses none while many add and one polls', async () => {
      const { revocations } = at.stores;
      const added = inParallel(60, (n) => revocations.add([revocation(`${n}.1`), revocation(`${n}.2`)]));
      const seen: string[] = [];
      let sequence = 0;
      const poll = async () => {
        const news = await revocations.since(sequence, START_MS);
        sequence = news.sequence;
        seen.push(...news.revocations.map((row) => row.id));
      };
      const progress = { finished: false };
      const end = added.finally(() => {
        progress.finished = true;
      });
      while (!progress.finished) {
        await poll();
        await new Promise(setImmediate);
      }
      await end;
      await poll();
      expect(seen).toHaveLength(120);
      expect(new Set(seen).size).toBe(120);
      expect(sequence).toBe(120);
    });
  });
}
