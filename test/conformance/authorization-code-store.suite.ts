import { describe, expect, it } from 'vitest';
import type { ClientId } from '../../src/clients/client.ts';
import type { StoredAuthorizationCode } from '../../src/oauth/authorization-code.ts';
import { freshStores, inParallel, START_MS, type StoreEngine } from './store-fixture.ts';

export function authorizationCode(digest: string): StoredAuthorizationCode {
  return {
    digest,
    clientId: 'client' as ClientId,
    grantId: `grant-${digest}`,
    sealedPayload: `sealed-${digest}`,
    createdAtMs: START_MS,
    expiresAtMs: START_MS + 60_000,
  };
}

export function authorizationCodeStoreSuite(engine: StoreEngine): void {
  describe('authorization code store', () => {
    const at = freshStores(engine);

    it('gives a code to one of two hundred that use it at once, and tells all others', async () => {
      const { authorizationCodes } = at.stores;
      await authorizationCodes.insert(authorizationCode('a'));
      await authorizationCodes.insert(authorizationCode('b'));
      const uses = await inParallel(200, (n) => authorizationCodes.consume('a', START_MS + n));
      expect(uses.filter(({ result }) => result === 'consumed')).toHaveLength(1);
      expect(uses.filter(({ result }) => result === 'reused')).toHaveLength(199);
      expect(uses.every((use) => use.result !== 'unknown' && use.code.grantId === 'grant-a')).toBe(true);
      expect(await authorizationCodes.wasReused('a')).toBe(true);
      expect(await authorizationCodes.wasReused('b')).toBe(false);
      expect(await authorizationCodes.consume('b', START_MS)).toEqual({
        result: 'consumed',
        code: authorizationCode('b'),
      });
    });

    it('knows no code that expired unused, and still knows a used one after its time', async () => {
      const { authorizationCodes } = at.stores;
      await authorizationCodes.insert(authorizationCode('used'));
      await authorizationCodes.insert(authorizationCode('unused'));
      await authorizationCodes.consume('used', START_MS);
      const late = START_MS + 60_000;
      expect(await authorizationCodes.consume('unused', late)).toEqual({ result: 'unknown' });
      expect((await authorizationCodes.consume('used', late)).result).toBe('reused');
      expect(await authorizationCodes.consume('never', START_MS)).toEqual({ result: 'unknown' });
      expect(await authorizationCodes.consume('\0', START_MS)).toEqual({ result: 'unknown' });
    });

    it('forgets unused codes as soon as told to, and used ones by a time of their own', async () => {
      const { authorizationCodes } = at.stores;
      const end = START_MS + 60_000;
      await authorizationCodes.insert(authorizationCode('unused'));
      await authorizationCodes.insert(authorizationCode('used'));
      await authorizationCodes.consume('used', START_MS);
      expect(await authorizationCodes.prune({ unusedMs: end - 1, usedMs: end - 1 })).toBe(0);
      expect(await authorizationCodes.prune({ unusedMs: end, usedMs: end - 1 })).toBe(1);
      expect(await authorizationCodes.consume('unused', START_MS)).toEqual({ result: 'unknown' });
      expect((await authorizationCodes.consume('used', end)).result).toBe('reused');
      expect(await authorizationCodes.prune({ unusedMs: end, usedMs: end })).toBe(1);
      expect(await authorizationCodes.consume('used', end)).toEqual({ result: 'unknown' });
    });
  });
}
