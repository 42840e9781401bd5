import { describe, expect, it } from 'vitest';
import type { SigningRing, StoredSigningKey } from '../../src/tokens/signing-key-types.ts';
import {
  auditedReasons,
  auditRecord,
  freshStores,
  inParallel,
  START_MS,
  type StoreEngine,
} from './store-fixture.ts';

export function signingKey(kid: string, ring: SigningRing = 'customer'): StoredSigningKey {
  return {
    kid,
    ring,
    algorithm: 'ES256',
    publicJwk: { kty: 'EC', crv: 'P-256', x: `x-${kid}`, y: 'y', kid, use: 'sig' },
    sealedPrivateKey: `sealed-${kid}`,
    publishedAtMs: START_MS,
    signsAtMs: START_MS + 600_000,
    revokedAtMs: undefined,
  };
}

export function signingKeyStoreSuite(engine: StoreEngine): void {
  describe('signing key store', () => {
    const at = freshStores(engine);

    it('gives back every key of every ring', async () => {
      const { signingKeys } = at.stores;
      expect(await signingKeys.addFirst(signingKey('a'))).toBe(true);
      expect(await signingKeys.addFirst(signingKey('b', 'access'))).toBe(true);
      await signingKeys.add(signingKey('c'), auditRecord('rotated'));
      expect(await signingKeys.list()).toEqual([signingKey('a'), signingKey('b', 'access'), signingKey('c')]);
      expect(await auditedReasons(at.stores)).toEqual(['rotated']);
    });

    it('lets exactly one of many processes begin a ring', async () => {
      const { signingKeys } = at.stores;
      const answers = await inParallel(20, (n) => signingKeys.addFirst(signingKey(`kid${n}`)));
      expect(answers.filter(Boolean)).toHaveLength(1);
      expect(await signingKeys.list()).toEqual([signingKey(`kid${answers.indexOf(true)}`)]);
    });

    it('does not add a key twice, nor the record of it', async () => {
      const { signingKeys } = at.stores;
      await signingKeys.add(signingKey('a'), auditRecord('once'));
      await expect(signingKeys.add(signingKey('a'), auditRecord('twice'))).rejects.toMatchObject({
        name: 'BridgeError',
        code: 'INTERNAL_ERROR',
      });
      expect(await auditedReasons(at.stores)).toEqual(['once']);
    });

    it('revokes once, and removes by name', async () => {
      const { signingKeys } = at.stores;
      await signingKeys.add(signingKey('a'), auditRecord('a'));
      await signingKeys.add(signingKey('b'), auditRecord('b'));
      expect(await signingKeys.revoke('a', START_MS + 5, auditRecord('revoked'))).toBe('revoked');
      expect(await signingKeys.revoke('a', START_MS + 6, auditRecord('again'))).toBe('missing');
      expect(await signingKeys.revoke('none', START_MS, auditRecord('none'))).toBe('missing');
      expect(await signingKeys.list()).toEqual([
        { ...signingKey('a'), revokedAtMs: START_MS + 5 },
        signingKey('b'),
      ]);
      await signingKeys.remove([]);
      await signingKeys.remove(['a', 'none']);
      expect(await signingKeys.list()).toEqual([signingKey('b')]);
      expect(await auditedReasons(at.stores)).toEqual(['a', 'b', 'revoked']);
    });
  });
}
