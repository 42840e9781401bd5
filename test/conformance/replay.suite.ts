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
  });
}
