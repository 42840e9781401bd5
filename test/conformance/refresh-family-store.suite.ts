import { describe, expect, it } from 'vitest';
import type { FamilyRotation, StoredRefreshFamily } from '../../src/tokens/refresh-family.ts';
import { freshStores, inParallel, START_MS, type StoreEngine } from './store-fixture.ts';

export function refreshFamily(id: string, change: Partial<StoredRefreshFamily> = {}): StoredRefreshFamily {
  return {
    familyId: id,
    holder: 'app',
    customerId: 'c1a',
    sealedPayload: `sealed-${id}`,
    generation: 0,
    currentDigest: `${id}-0`,
    previousDigest: undefined,
    sealedAnswer: undefined,
    createdAtMs: START_MS,
    rotatedAtMs: START_MS,
    idleExpiresAtMs: START_MS + 1_000,
    expiresAtMs: START_MS + 5_000,
    endedAtMs: undefined,
    ...change,
  };
}

const rotation = (from: string, to: string): FamilyRotation => ({
  currentDigest: to,
  previousDigest: from,
  sealedAnswer: `answer-${to}`,
  rotatedAtMs: START_MS + 10,
  idleExpiresAtMs: START_MS + 2_000,
});

export function refreshFamilyStoreSuite(engine: StoreEngine): void {
  describe('refresh family store', () => {
    const at = freshStores(engine);

    it('lets one of two hundred rotate that present one token at once', async () => {
      const { refreshFamilies } = at.stores;
      await refreshFamilies.insert(refreshFamily('a'));
      const answers = await inParallel(200, (n) =>
        refreshFamilies.rotate('a', 'a-0', rotation('a-0', `a-1-${n}`)),
      );
      const winner = answers.indexOf('rotated');
      expect(answers.filter((answer) => answer === 'rotated')).toHaveLength(1);
      expect(await refreshFamilies.find('a')).toEqual(
        refreshFamily('a', { generation: 1, ...rotation('a-0', `a-1-${winner}`) }),
      );
      expect(await refreshFamilies.rotate('a', 'a-0', rotation('a-0', 'x'))).toBe('lost');
      expect(await refreshFamilies.rotate('none', 'a-0', rotation('a-0', 'x'))).toBe('lost');
      expect(await refreshFamilies.find('none')).toBeUndefined();
      expect(await refreshFamilies.find('\0')).toBeUndefined();
    });

    it('ends one family, those of a holder, or all of a customer; an ended one rotates no more', async () => {
      const { refreshFamilies } = at.stores;
      await refreshFamilies.insert(refreshFamily('a', { sealedAnswer: 'answer' }));
      await refreshFamilies.insert(refreshFamily('b', { holder: 'other' }));
      await refreshFamilies.insert(refreshFamily('c', { customerId: 'c1c' }));
      await refreshFamilies.insert(refreshFamily('d'));
      expect(await refreshFamilies.end({ familyId: 'a' }, START_MS + 1)).toEqual(['a']);
      expect(await refreshFamilies.end({ familyId: 'a' }, START_MS + 2)).toEqual([]);
      expect(await refreshFamilies.find('a')).toMatchObject({
        endedAtMs: START_MS + 1,
        sealedAnswer: undefined,
      });
      expect(await refreshFamilies.rotate('a', 'a-0', rotation('a-0', 'a-1'))).toBe('lost');
      expect(await refreshFamilies.end({ customerId: 'c1a', holder: 'app' }, START_MS)).toEqual(['d']);
      expect(await refreshFamilies.end({ customerId: 'c1a' }, START_MS)).toEqual(['b']);
      expect(await refreshFamilies.rotate('c', 'c-0', rotation('c-0', 'c-1'))).toBe('rotated');
    });

    it('lists those of a customer that have not been ended, newest first', async () => {
      const { refreshFamilies } = at.stores;
      await refreshFamilies.insert(refreshFamily('a'));
      await refreshFamilies.insert(refreshFamily('b', { createdAtMs: START_MS + 1, holder: 'other' }));
      await refreshFamilies.insert(refreshFamily('c', { customerId: 'c1c' }));
      await refreshFamilies.insert(refreshFamily('d', { endedAtMs: START_MS }));
      const listed = await refreshFamilies.listOf('c1a');
      expect(listed.map(({ familyId }) => familyId)).toEqual(['b', 'a']);
      expect(await refreshFamilies.listOf('none')).toEqual([]);
    });

    it('forgets families that are over, by idleness or by age', async () => {
      const { refreshFamilies } = at.stores;
      await refreshFamilies.insert(refreshFamily('idle'));
      await refreshFamilies.insert(refreshFamily('used', { idleExpiresAtMs: START_MS + 9_000 }));
      expect(await refreshFamilies.prune(START_MS + 999)).toBe(0);
      expect(await refreshFamilies.prune(START_MS + 1_000)).toBe(1);
      expect(await refreshFamilies.find('idle')).toBeUndefined();
      expect(await refreshFamilies.prune(START_MS + 5_000)).toBe(1);
    });
  });
}
