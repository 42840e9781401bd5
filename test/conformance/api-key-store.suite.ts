import { beforeEach, describe, expect, it } from 'vitest';
import type { ApiKey } from '../../src/api-keys/api-key.ts';
import type { PartnerId } from '../../src/partners/partner.ts';
import {
  auditedReasons,
  auditRecord,
  freshStores,
  partner,
  START_MS,
  type StoreEngine,
} from './store-fixture.ts';

export function apiKey(id: string, change: Partial<ApiKey> = {}): ApiKey {
  return {
    keyId: id,
    partner: 'acme' as PartnerId,
    label: `key ${id}`,
    environment: 'live',
    use: 'bearer',
    signatureRequired: false,
    scopes: ['profile:read', 'whoami'],
    publicPrefix: `pk_live_${id}`,
    publicDigest: `public-${id}`,
    secretDigest: `secret-${id}`,
    sealedSigningKey: undefined,
    createdAtMs: START_MS,
    expiresAtMs: START_MS + 1_000,
    revokedAtMs: undefined,
    ...change,
  };
}

/** A key for signing has no digest of its secret. */
export function signingUseKey(id: string): ApiKey {
  return apiKey(id, {
    use: 'signing',
    signatureRequired: true,
    secretDigest: undefined,
    sealedSigningKey: `sealed-${id}`,
    expiresAtMs: undefined,
  });
}

export function apiKeyStoreSuite(engine: StoreEngine): void {
  describe('API key store', () => {
    const at = freshStores(engine);
    beforeEach(async () => {
      await at.stores.partners.insert(partner('acme'), auditRecord('acme'));
    });

    it('finds a key by its id and by each of its digests', async () => {
      const { apiKeys } = at.stores;
      expect(await apiKeys.insert(apiKey('one'), auditRecord('one'))).toBe('inserted');
      expect(await apiKeys.insert(signingUseKey('two'), auditRecord('two'))).toBe('inserted');
      expect(await apiKeys.insert(signingUseKey('three'), auditRecord('three'))).toBe('inserted');
      expect(await apiKeys.find('one')).toEqual(apiKey('one'));
      expect(await apiKeys.findBySecretDigest('secret-one')).toEqual(apiKey('one'));
      expect(await apiKeys.findByPublicDigest('public-two')).toEqual(signingUseKey('two'));
      expect(await apiKeys.findBySecretDigest('secret-two')).toBeUndefined();
      expect(await apiKeys.findBySecretDigest('public-one')).toBeUndefined();
      expect(await apiKeys.findByPublicDigest('secret-one')).toBeUndefined();
      expect(await apiKeys.list('acme' as PartnerId)).toHaveLength(3);
      expect(await apiKeys.list('zeta' as PartnerId)).toEqual([]);
      expect(await auditedReasons(at.stores)).toEqual(['acme', 'one', 'two', 'three']);
    });

    it.each([
      ['id', apiKey('two', { keyId: 'one' })],
      ['public id', apiKey('two', { publicDigest: 'public-one' })],
      ['secret', apiKey('two', { secretDigest: 'secret-one' })],
    ])('refuses a key whose %s is taken', async (_what, second) => {
      const { apiKeys } = at.stores;
      await apiKeys.insert(apiKey('one'), auditRecord('one'));
      expect(await apiKeys.insert(second, auditRecord('two'))).toBe('conflict');
      expect(await apiKeys.list()).toEqual([apiKey('one')]);
      expect(await auditedReasons(at.stores)).toEqual(['acme', 'one']);
    });

    it('revokes once, and a revoked key is still found so that it can be told from an unknown one', async () => {
      const { apiKeys } = at.stores;
      await apiKeys.insert(apiKey('one'), auditRecord('one'));
      expect(await apiKeys.revoke('one', START_MS + 9, auditRecord('revoke'))).toBe('revoked');
      expect(await apiKeys.revoke('one', START_MS + 10, auditRecord('again'))).toBe('missing');
      expect(await apiKeys.revoke('none', START_MS, auditRecord('none'))).toBe('missing');
      expect(await apiKeys.findBySecretDigest('secret-one')).toEqual(
        apiKey('one', { revokedAtMs: START_MS + 9 }),
      );
      expect(await auditedReasons(at.stores)).toEqual(['acme', 'one', 'revoke']);
    });
  });
}
