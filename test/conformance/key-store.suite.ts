import { describe, expect, it } from 'vitest';
import type { KeyCheck, SealedKey } from '../../src/keyring/keyring-types.ts';
import {
  auditedReasons,
  auditRecord,
  freshStores,
  inParallel,
  START_MS,
  type StoreEngine,
} from './store-fixture.ts';

export function sealedKey(version: number, sealed = `sealed-${version}`): SealedKey {
  return { purpose: 'identifier', version, kekId: 'kek1', sealed, createdAtMs: START_MS };
}

export function keyCheck(version: number, check = `check-${version}`): KeyCheck {
  return { purpose: 'identifier', version, check };
}

export function keyStoreSuite(engine: StoreEngine): void {
  describe('key store', () => {
    const at = freshStores(engine);

    it('gives back keys and checks', async () => {
      const { keys } = at.stores;
      expect(await keys.addKey(sealedKey(1), keyCheck(1))).toBe(true);
      expect(await keys.addKey(sealedKey(2), keyCheck(2))).toBe(true);
      expect(await keys.loadKeys()).toEqual([sealedKey(1), sealedKey(2)]);
      expect(await keys.loadChecks()).toEqual([keyCheck(1), keyCheck(2)]);
    });

    it('writes the audit record of a key with the key, and none when there was no place for it', async () => {
      const { keys } = at.stores;
      expect(await keys.addKey(sealedKey(1), keyCheck(1), auditRecord('rotated'))).toBe(true);
      expect(await keys.addKey(sealedKey(1), keyCheck(1), auditRecord('again'))).toBe(false);
      expect(await auditedReasons(at.stores)).toEqual(['rotated']);
    });

    it('lets exactly one of many processes add a key, with its own check', async () => {
      const { keys } = at.stores;
      const answers = await inParallel(20, (n) =>
        keys.addKey(sealedKey(1, `sealed by ${n}`), keyCheck(1, `check by ${n}`)),
      );
      expect(answers.filter(Boolean)).toHaveLength(1);
      const winner = answers.indexOf(true);
      expect(await keys.loadKeys()).toEqual([sealedKey(1, `sealed by ${winner}`)]);
      expect(await keys.loadChecks()).toEqual([keyCheck(1, `check by ${winner}`)]);
    });

    it('seals all keys again or none', async () => {
      const { keys } = at.stores;
      await keys.addKey(sealedKey(1), keyCheck(1));
      await keys.addKey(sealedKey(2), keyCheck(2));
      const again = (version: number) => ({ ...sealedKey(version, `again-${version}`), kekId: 'kek2' });
      await expect(keys.resealKeys([again(1), again(2), again(3)])).rejects.toMatchObject({
        code: 'INTERNAL_ERROR',
      });
      expect(await keys.loadKeys()).toEqual([sealedKey(1), sealedKey(2)]);
      await keys.resealKeys([again(1), again(2)]);
      expect(await keys.loadKeys()).toEqual([again(1), again(2)]);
      expect(await keys.loadChecks()).toEqual([keyCheck(1), keyCheck(2)]);
    });
  });
}
