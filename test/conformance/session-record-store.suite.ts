import { describe, expect, it } from 'vitest';
import { freshStores, inParallel, START_MS, type StoreEngine } from './store-fixture.ts';

export function sessionRecordStoreSuite(engine: StoreEngine): void {
  describe('session record store', () => {
    const at = freshStores(engine);
    const read = (id: string) => at.stores.sessions.read(id, at.clock.nowMs());

    it('gives back what was written last, and nothing once destroyed', async () => {
      const { sessions } = at.stores;
      await sessions.write('a', 'first', START_MS + 1_000);
      await sessions.write('a', 'second', START_MS + 2_000);
      at.clock.advance(1_500);
      expect(await read('a')).toBe('second');
      expect(await read('b')).toBeUndefined();
      await sessions.destroy('a');
      await sessions.destroy('b');
      expect(await read('a')).toBeUndefined();
    });

    it('ends a session at its time by the clock, pruned or not', async () => {
      const { sessions } = at.stores;
      await sessions.write('a', 'data', START_MS + 1_000);
      at.clock.advance(999);
      expect(await read('a')).toBe('data');
      at.clock.advance(1);
      expect(await read('a')).toBeUndefined();
    });

    it('moves the end of a living session, and revives no dead one', async () => {
      const { sessions } = at.stores;
      await sessions.write('a', 'data', START_MS + 1_000);
      await sessions.touch('a', START_MS + 3_000);
      at.clock.advance(2_000);
      expect(await read('a')).toBe('data');
      at.clock.advance(1_000);
      await sessions.touch('a', START_MS + 9_000);
      await sessions.touch('never', START_MS + 9_000);
      expect(await read('a')).toBeUndefined();
      expect(await read('never')).toBeUndefined();
    });

    it('prunes what has ended and nothing else', async () => {
      const { sessions } = at.stores;
      await inParallel(10, (n) => sessions.write(`s${n}`, 'data', START_MS + n * 1_000));
      expect(await sessions.prune(START_MS + 4_000, Infinity)).toBe(5);
      expect(await sessions.prune(START_MS + 4_000, Infinity)).toBe(0);
      expect(await sessions.read('s5', START_MS + 4_000)).toBe('data');
    });

    it('prunes what was to end later than anything may', async () => {
      const { sessions } = at.stores;
      await inParallel(10, (n) => sessions.write(`s${n}`, 'data', START_MS + n * 1_000));
      expect(await sessions.prune(START_MS, START_MS + 7_000)).toBe(3);
      expect(await sessions.read('s7', START_MS)).toBe('data');
      expect(await sessions.read('s8', START_MS)).toBeUndefined();
    });

    it('keeps one of many writes at once, whole', async () => {
      const { sessions } = at.stores;
      const data = (n: number) => `${n}`.repeat(2_000);
      await inParallel(9, (n) => sessions.write('a', data(n), START_MS + 1_000));
      expect(Array.from({ length: 9 }, (_, n) => data(n))).toContain(await read('a'));
    });
  });
}
