import { beforeEach, describe, expect, it } from 'vitest';
import type { ApiKey, ApiKeySecret } from '../../src/api-keys/api-key.ts';
import type { PartnerId } from '../../src/partners/partner.ts';
import {
  auditedReasons,
  auditRecord,
  freshStores,
  inParallel,
  partner,
  START_MS,
  type StoreEngine,
} from './store-fixture.ts';

export function keySecret(id: string, change: Partial<ApiKeySecret> = {}): ApiKeySecret {
  return {
    secretId: id,
    digest: `secret-${id}`,
    sealedSigningKey: `sealed-${id}`,
    createdAtMs: START_MS,
    expiresAtMs: undefined,
    revokedAtMs: undefined,
    firstUsedAtMs: undefined,
    lastUsedAtMs: undefined,
    ...change,
  };
}

export function apiKey(id: string, change: Partial<ApiKey> = {}): ApiKey {
  return {
    keyId: id,
    partner: 'acme' as PartnerId,
    label: `key ${id}`,
    environment: 'live',
    use: 'bearer',
    signature: 'none',
    scopes: ['profile:read', 'whoami'],
    allowedAddresses: ['192.0.2.0/24'],
    publicKeys: [{ ed25519: `public-key-${id}`, createdAtMs: START_MS }],
    publicPrefix: `pk_live_${id}`,
    publicDigest: `public-${id}`,
    secrets: [keySecret(id)],
    createdAtMs: START_MS,
    expiresAtMs: START_MS + 1_000,
    revokedAtMs: undefined,
    ...change,
  };
}

/** A key for signing, whose secret may have no digest. */
export function signingUseKey(id: string): ApiKey {
  return apiKey(id, {
    use: 'signing',
    signature: 'any',
    secrets: [keySecret(id, { digest: undefined })],
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
      ['secret', apiKey('two', { secrets: [keySecret('two', { digest: 'secret-one' })] })],
    ])('refuses a key whose %s is taken, and keeps nothing of it', async (_what, second) => {
      const { apiKeys } = at.stores;
      await apiKeys.insert(apiKey('one'), auditRecord('one'));
      expect(await apiKeys.insert(second, auditRecord('two'))).toBe('conflict');
      expect(await apiKeys.list()).toEqual([apiKey('one')]);
      expect(await apiKeys.findBySecretDigest('secret-two')).toBeUndefined();
      expect(await auditedReasons(at.stores)).toEqual(['acme', 'one']);
    });

    it('revokes once, and a revoked key is still found so that it can be told from an unknown one', async () => {
      const { apiKeys } = at.stores;
      await apiKeys.insert(apiKey('one'), auditRecord('one'));
      expect(await apiKeys.revoke('one', { atMs: START_MS + 9 }, auditRecord('revoke'))).toBe('revoked');
      expect(await apiKeys.revoke('one', { atMs: START_MS + 10 }, auditRecord('again'))).toBe('missing');
      expect(await apiKeys.revoke('none', { atMs: START_MS }, auditRecord('none'))).toBe('missing');
      expect(await apiKeys.findBySecretDigest('secret-one')).toEqual(
        apiKey('one', { revokedAtMs: START_MS + 9 }),
      );
      expect(await auditedReasons(at.stores)).toEqual(['acme', 'one', 'revoke']);
    });

    it('changes the settings of a key, and nothing of who it is or of its secrets', async () => {
      const { apiKeys } = at.stores;
      await apiKeys.insert(apiKey('one'), auditRecord('one'));
      const settings = {
        label: 'renamed',
        signature: 'v2',
        scopes: ['whoami'],
        allowedAddresses: [],
        publicKeys: [],
        expiresAtMs: undefined,
      } satisfies Partial<ApiKey>;
      const change = apiKey('one', { ...settings, use: 'signing', publicDigest: 'other', secrets: [] });
      expect(await apiKeys.update(change, auditRecord('update'))).toBe('updated');
      expect(await apiKeys.find('one')).toEqual(apiKey('one', settings));
      await apiKeys.revoke('one', { atMs: START_MS }, auditRecord('revoke'));
      expect(await apiKeys.update(apiKey('one'), auditRecord('late'))).toBe('missing');
      expect(await apiKeys.update(apiKey('none'), auditRecord('none'))).toBe('missing');
      expect(await auditedReasons(at.stores)).toEqual(['acme', 'one', 'update', 'revoke']);
    });

    it('keeps two live secrets and never three, however many are added at once', async () => {
      const { apiKeys } = at.stores;
      await apiKeys.insert(apiKey('one'), auditRecord('one'));
      const answers = await inParallel(8, (n) =>
        apiKeys.addSecret(
          'one',
          keySecret(`s${n}`, { createdAtMs: START_MS + 1 }),
          { maxLive: 2 },
          auditRecord('add'),
        ),
      );
      expect(answers.filter((answer) => answer === 'added')).toHaveLength(1);
      expect((await apiKeys.find('one'))?.secrets).toHaveLength(2);
      expect(await auditedReasons(at.stores)).toEqual(['acme', 'one', 'add']);
    });

    it('takes one more secret once another has ended, and finds the key by each of them', async () => {
      const { apiKeys } = at.stores;
      await apiKeys.insert(apiKey('one'), auditRecord('one'));
      const add = (id: string, createdAtMs: number) =>
        apiKeys.addSecret('one', keySecret(id, { createdAtMs }), { maxLive: 2 }, auditRecord(id));
      expect(await add('next', START_MS + 1)).toBe('added');
      expect(await add('third', START_MS + 2)).toBe('conflict');
      expect(await apiKeys.endSecret('one', 'one', { expiresAtMs: START_MS + 5 }, auditRecord('end'))).toBe(
        'ended',
      );
      expect(await add('third', START_MS + 4)).toBe('conflict');
      expect(await add('third', START_MS + 5)).toBe('added');
      expect(
        await apiKeys.endSecret('one', 'third', { revokedAtMs: START_MS + 6 }, auditRecord('compromised')),
      ).toBe('ended');
      const { secrets } = (await apiKeys.findBySecretDigest('secret-next')) as ApiKey;
      expect(secrets.map((secret) => [secret.secretId, secret.expiresAtMs, secret.revokedAtMs])).toEqual([
        ['one', START_MS + 5, undefined],
        ['next', undefined, undefined],
        ['third', undefined, START_MS + 6],
      ]);
      const late = { revokedAtMs: START_MS + 9 };
      expect(await apiKeys.endSecret('one', 'third', late, auditRecord('again'))).toBe('missing');
      expect(await apiKeys.endSecret('two', 'next', late, auditRecord('foreign'))).toBe('missing');
      expect(await auditedReasons(at.stores)).toEqual(['acme', 'one', 'next', 'end', 'third', 'compromised']);
    });

    it('adds no secret to a revoked or unknown key, and none whose digest is taken', async () => {
      const { apiKeys } = at.stores;
      await apiKeys.insert(apiKey('one'), auditRecord('one'));
      const add = (keyId: string, secret: ApiKeySecret) =>
        apiKeys.addSecret(keyId, secret, { maxLive: 5 }, auditRecord('add'));
      expect(await add('none', keySecret('x'))).toBe('missing');
      expect(await add('one', keySecret('x', { digest: 'secret-one' }))).toBe('conflict');
      await apiKeys.revoke('one', { atMs: START_MS }, auditRecord('revoke'));
      expect(await add('one', keySecret('x'))).toBe('missing');
    });

    it('keeps the first use of a secret and the latest, in whatever order they arrive', async () => {
      const { apiKeys } = at.stores;
      await apiKeys.insert(apiKey('one'), auditRecord('one'));
      const use = (firstAtMs: number, lastAtMs: number) =>
        apiKeys.recordUses([
          { secretId: 'one', firstAtMs, lastAtMs },
          { secretId: 'gone', firstAtMs, lastAtMs },
        ]);
      await use(START_MS + 5, START_MS + 9);
      await use(START_MS + 6, START_MS + 7);
      await use(START_MS + 10, START_MS + 20);
      expect((await apiKeys.find('one'))?.secrets).toEqual([
        keySecret('one', { firstUsedAtMs: START_MS + 5, lastUsedAtMs: START_MS + 20 }),
      ]);
    });
  });
}
