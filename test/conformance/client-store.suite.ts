import { describe, expect, it } from 'vitest';
import type { ClientId, ClientSecret, OAuthClient } from '../../src/clients/client.ts';
import type { PartnerId } from '../../src/partners/partner.ts';
import { revocation } from './revocation-store.suite.ts';
import {
  auditedReasons,
  auditRecord,
  freshStores,
  inParallel,
  partner,
  START_MS,
  type StoreEngine,
} from './store-fixture.ts';

export function clientSecret(secretId: string, changes: Partial<ClientSecret> = {}): ClientSecret {
  return {
    secretId,
    digest: `digest of ${secretId}`,
    createdAtMs: START_MS,
    expiresAtMs: undefined,
    revokedAtMs: undefined,
    firstUsedAtMs: undefined,
    lastUsedAtMs: undefined,
    ...changes,
  };
}

export function oauthClient(id: string, owner = 'acme'): OAuthClient {
  return {
    clientId: id as ClientId,
    partner: owner as PartnerId,
    label: `client ${id}`,
    scopes: ['profile:read'],
    grantTypes: ['client_credentials'],
    applicationType: 'web',
    party: 'third',
    authentication: 'secret',
    redirectUris: [],
    publicKeys: [],
    secrets: [
      clientSecret(`older-${id}`, { createdAtMs: START_MS - 5, expiresAtMs: START_MS + 5 }),
      clientSecret(`digest-${id}`),
    ],
    createdAtMs: START_MS,
    revokedAtMs: undefined,
  };
}

export function clientStoreSuite(engine: StoreEngine): void {
  describe('client store', () => {
    const at = freshStores(engine);

    it('keeps what a client of OpenID Connect registers', async () => {
      const { clients, partners } = at.stores;
      await partners.insert(partner('acme'), auditRecord('acme'));
      for (const [id, acr] of [
        ['one', 'loa1'],
        ['two', undefined],
      ] as const) {
        const openid = { pkce: 'vendor', claims: { email: 'mail' }, claimsInIdToken: true, acr } as const;
        const client = { ...oauthClient(id), openid };
        await clients.insert(client, auditRecord(id));
        expect(await clients.find(client.clientId)).toEqual(client);
      }
    });

    it('gives back what was inserted, and lists by partner', async () => {
      const { clients, partners } = at.stores;
      await partners.insert(partner('acme'), auditRecord('acme'));
      await partners.insert(partner('zeta'), auditRecord('zeta'));
      expect(await clients.insert(oauthClient('one'), auditRecord('one'))).toBe('inserted');
      expect(await clients.insert(oauthClient('two', 'zeta'), auditRecord('two'))).toBe('inserted');
      expect(await clients.find('one' as ClientId)).toEqual(oauthClient('one'));
      expect(await clients.find('\0' as ClientId)).toBeUndefined();
      expect(await clients.list()).toEqual([oauthClient('one'), oauthClient('two', 'zeta')]);
      expect(await clients.list('zeta' as PartnerId)).toEqual([oauthClient('two', 'zeta')]);
      expect(await auditedReasons(at.stores)).toEqual(['acme', 'zeta', 'one', 'two']);
    });

    it('gives an id to one of many that ask at once', async () => {
      await at.stores.partners.insert(partner('acme'), auditRecord('acme'));
      const answers = await inParallel(20, (n) =>
        at.stores.clients.insert({ ...oauthClient('same'), label: `n${n}` }, auditRecord(`n${n}`)),
      );
      const winner = `n${answers.indexOf('inserted')}`;
      expect(answers.filter((answer) => answer === 'conflict')).toHaveLength(19);
      expect((await at.stores.clients.find('same' as ClientId))?.label).toBe(winner);
      expect(await auditedReasons(at.stores)).toEqual(['acme', winner]);
    });

    it('refuses a client of a partner that does not exist', async () => {
      await expect(
        at.stores.clients.insert(oauthClient('one', 'nobody'), auditRecord('one')),
      ).rejects.toMatchObject({ name: 'BridgeError', code: 'INTERNAL_ERROR' });
      expect(await auditedReasons(at.stores)).toEqual([]);
    });

    it('gives back what an app registered, and changes what may be changed, while it is not revoked', async () => {
      const { clients, partners } = at.stores;
      await partners.insert(partner('acme'), auditRecord('acme'));
      const app: OAuthClient = {
        ...oauthClient('app'),
        applicationType: 'native',
        party: 'first',
        authentication: 'private_key_jwt',
        redirectUris: ['com.example.app:/callback'],
        publicKeys: [{ kty: 'OKP', crv: 'Ed25519', x: 'AAAA', kid: 'one' }],
        secrets: [],
      };
      await clients.insert(app, auditRecord('insert'));
      expect(await clients.find('app' as ClientId)).toEqual(app);
      const changed = { ...app, label: 'new', scopes: ['whoami'], redirectUris: ['https://app.test/cb'] };
      expect(await clients.update({ ...changed, party: 'third' }, auditRecord('update'))).toBe('updated');
      expect(await clients.find('app' as ClientId)).toEqual(changed);
      await clients.revoke('app' as ClientId, { atMs: START_MS }, auditRecord('revoke'));
      expect(await clients.update(app, auditRecord('again'))).toBe('missing');
      expect(await auditedReasons(at.stores)).toEqual(['acme', 'insert', 'update', 'revoke']);
    });

    it('tells of an end in the transaction of the end, and of none that there was not', async () => {
      const { clients, revocations } = at.stores;
      await at.stores.partners.insert(partner('acme'), auditRecord('acme'));
      await clients.insert(oauthClient('one'), auditRecord('insert'));
      const told = async () => (await revocations.since(0, START_MS)).revocations.map(({ id }) => id);
      const secretIds = [...((await clients.find('one' as ClientId))?.secrets ?? [])].map(
        (one) => one.secretId,
      );
      const ending = { secretIds, atMs: START_MS, successor: clientSecret('next') };
      const rows = (id: string) => [revocation(id)];
      await clients.compromise('one' as ClientId, { ...ending, revocations: rows('a') }, auditRecord('leak'));
      await clients.compromise(
        'one' as ClientId,
        { ...ending, revocations: rows('b') },
        auditRecord('again'),
      );
      for (const id of ['c', 'd']) {
        const end = { atMs: START_MS, revocations: rows(id) };
        await clients.revoke('one' as ClientId, end, auditRecord('revoke'));
      }
      expect(await told()).toEqual(['a', 'c']);
    });

    it('revokes once', async () => {
      const { clients } = at.stores;
      await at.stores.partners.insert(partner('acme'), auditRecord('acme'));
      await clients.insert(oauthClient('one'), auditRecord('insert'));
      const answers = await inParallel(5, (n) =>
        clients.revoke('one' as ClientId, { atMs: START_MS + n }, auditRecord('revoke')),
      );
      expect(answers.sort()).toEqual(['missing', 'missing', 'missing', 'missing', 'revoked']);
      expect((await clients.find('one' as ClientId))?.revokedAtMs).toBeGreaterThanOrEqual(START_MS);
      expect(await clients.revoke('none' as ClientId, { atMs: START_MS }, auditRecord('none'))).toBe(
        'missing',
      );
      expect(await auditedReasons(at.stores)).toEqual(['acme', 'insert', 'revoke']);
    });
  });
}
