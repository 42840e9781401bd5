import { describe, expect, it } from 'vitest';
import type { ReplayStore } from '../../src/replay/replay.ts';
import { inParallel } from './store-fixture.ts';

/** What is promised of every memory of used ids. `store` is asked for inside the tests. */
export function replaySuite(at: { store: () => ReplayStore; nowMs: () => number }): void {
  describe('replay memory', () => {
    const soon = () => at.nowMs() + 600_000;

    it('takes an id once', async () => {
      const store = at.store();
      expect(await store.consume('signature-v1', 'a', soon())).toBe('fresh');
      expect(await store.consume('signature-v1', 'a', soon())).toBe('replayed');
      expect(await store.consume('signature-v1', 'a', soon() + 5_000)).toBe('replayed');
    });

    it('tells ids and spaces apart', async () => {
      const store = at.store();
      expect(await store.consume('signature-v1', 'b', soon())).toBe('fresh');
      expect(await store.consume('signature-v1', 'B', soon())).toBe('fresh');
      expect(await store.consume('signature-v2', 'b', soon())).toBe('fresh');
    });

    it('takes it once from two hundred who try at the same time', async () => {
      const store = at.store();
      const answers = await inParallel(200, () => store.consume('signature-v1', 'c', soon()));
      expect(answers.filter((answer) => answer === 'fresh')).toHaveLength(1);
    });

    it('tells each of many who ask at the same time about their own id', async () => {
      const store = at.store();
      const used = [3, 40, 41, 77];
      for (const i of used) await store.consume('signature-v1', `d${i}`, soon());
      const ids = Array.from({ length: 80 }, (_, i) => i);
      const answers = await Promise.all(ids.map((i) => store.consume('signature-v1', `d${i}`, soon())));
      expect(answers).toEqual(ids.map((i) => (used.includes(i) ? 'replayed' : 'fresh')));
      const again = await Promise.all(ids.map((i) => store.consume('signature-v1', `d${i}`, soon())));
      expect(new Set(again)).toEqual(new Set(['replayed']));
    });

    it('gives an id that stands twice among them to the first', async () => {
      const store = at.store();
      // However many ask at once: a store that writes them in several statements must not let these race.
      for (const others of [0, 1, 2, 7, 40]) {
        const ids = ['z', 'a', 'z', 'm', 'a', 'z', ...Array.from({ length: others }, (_, i) => `o${i}`)];
        const answers = await Promise.all(
          ids.map((id) => store.consume('signature-v2', `e${others}-${id}`, soon())),
        );
        expect(answers.slice(0, 6)).toEqual(['fresh', 'fresh', 'replayed', 'fresh', 'replayed', 'replayed']);
        expect(new Set(answers.slice(6))).toEqual(new Set(others === 0 ? [] : ['fresh']));
      }
    });

    it('lets an id that cannot be kept spoil no other', async () => {
      const store = at.store();
      const ids = ['f1', 'f\0', 'f\ud800', 'f2'];
      const answers = await Promise.allSettled(ids.map((id) => store.consume('signature-v2', id, soon())));
      expect([answers[0], answers[3]]).toEqual([
        { status: 'fulfilled', value: 'fresh' },
        { status: 'fulfilled', value: 'fresh' },
      ]);
    });
  });
}
