import { describe, expect, it } from 'vitest';
import type { ApiKeyStore } from '../../src/api-keys/api-key.ts';
import type { ClientId, ClientStore } from '../../src/clients/client.ts';
import { apiKey, keySecret } from './api-key-store.suite.ts';
import { clientSecret, oauthClient } from './client-store.suite.ts';
import {
  auditedReasons,
  auditRecord,
  freshStores,
  inParallel,
  partner,
  START_MS,
  type StoreEngine,
} from './store-fixture.ts';

const LATEST_END_MS = START_MS + 1_000_000;
const PLAN = { graceMs: 60_000, latestEndMs: LATEST_END_MS };

/** What both stores promise, under one spelling. */
interface Rotating {
  rotate(secretId: string, options?: { maxLive?: number; createdAtMs?: number }): Promise<string>;
  compromise(secretIds: string[], successorId?: string): Promise<string>;
  secrets(): Promise<
    { secretId: string; expiresAtMs: number | undefined; revokedAtMs: number | undefined }[]
  >;
  store: Pick<ApiKeyStore & ClientStore, 'dueGraces' | 'startGrace' | 'recordUses'>;
}

function keysOf(apiKeys: ApiKeyStore): Rotating {
  return {
    store: apiKeys,
    rotate: (secretId, { maxLive = 2, createdAtMs = START_MS + 1 } = {}) =>
      apiKeys.rotate(
        'one',
        {
          successor: { ...keySecret(secretId), createdAtMs },
          plan: PLAN,
          keyExpiresAtMs: undefined,
          maxLive,
        },
        auditRecord(`rotate ${secretId}`),
      ),
    compromise: (secretIds, successorId = 'unused') =>
      apiKeys.compromise(
        'one',
        {
          secretIds,
          atMs: START_MS + 2,
          successor: keySecret(successorId),
        },
        auditRecord('compromise'),
      ),
    secrets: async () => (await apiKeys.find('one'))?.secrets ?? [],
  };
}

function clientsOf(clients: ClientStore): Rotating {
  const id = 'one' as ClientId;
  return {
    store: clients,
    rotate: (secretId, { maxLive = 2, createdAtMs = START_MS + 1 } = {}) =>
      clients.rotate(
        id,
        { successor: clientSecret(secretId, { createdAtMs }), plan: PLAN, maxLive },
        auditRecord(`rotate ${secretId}`),
      ),
    compromise: (secretIds, successorId = 'unused') =>
      clients.compromise(
        id,
        {
          secretIds,
          atMs: START_MS + 2,
          successor: clientSecret(successorId),
        },
        auditRecord('compromise'),
      ),
    secrets: async () => (await clients.find(id))?.secrets ?? [],
  };
}

/** Replacing secrets, alike for API keys and for clients. */
export function secretRotationSuite(engine: StoreEngine): void {
  describe.each(['API keys', 'clients'])('replaced secrets of %s', (kind) => {
    const at = freshStores(engine);
    /** One owner with the secret `first`. */
    const prepared = async (): Promise<Rotating> => {
      await at.stores.partners.insert(partner('acme'), auditRecord('acme'));
      if (kind === 'API keys') {
        await at.stores.apiKeys.insert(apiKey('one', { secrets: [keySecret('first')] }), auditRecord('one'));
        return keysOf(at.stores.apiKeys);
      }
      const client = { ...oauthClient('one'), secrets: [clientSecret('first')] };
      await at.stores.clients.insert(client, auditRecord('one'));
      return clientsOf(at.stores.clients);
    };
    const ends = async (rotating: Rotating) =>
      Object.fromEntries((await rotating.secrets()).map((one) => [one.secretId, one.expiresAtMs]));

    it('are bounded with the transaction that adds the successor', async () => {
      const rotating = await prepared();
      expect(await rotating.rotate('second')).toBe('rotated');
      expect(await ends(rotating)).toEqual({ first: LATEST_END_MS, second: undefined });
      expect(await auditedReasons(at.stores)).toEqual(['acme', 'one', 'rotate second']);
    });

    it('get one successor from many that ask at once', async () => {
      const rotating = await prepared();
      const answers = await inParallel(10, (n) => rotating.rotate(`n${n}`));
      expect(answers.filter((answer) => answer === 'rotated')).toHaveLength(1);
      expect(answers.filter((answer) => answer === 'conflict')).toHaveLength(9);
      expect(await rotating.secrets()).toHaveLength(2);
      expect(await auditedReasons(at.stores)).toHaveLength(3);
    });

    it('do not count once they have ended or were compromised', async () => {
      const rotating = await prepared();
      await rotating.rotate('second');
      expect(await rotating.rotate('third')).toBe('conflict');
      expect(await rotating.rotate('third', { createdAtMs: LATEST_END_MS })).toBe('rotated');
      expect(await rotating.compromise(['second'])).toBe('ended');
      expect(await rotating.rotate('fourth', { createdAtMs: LATEST_END_MS })).toBe('rotated');
      expect(await ends(rotating)).toMatchObject({ first: LATEST_END_MS, third: LATEST_END_MS });
    });

    it('are due when their successor has been used, and are settled once', async () => {
      const rotating = await prepared();
      await rotating.rotate('second');
      expect(await rotating.store.dueGraces()).toEqual([]);
      const use = (secretId: string, atMs: number) =>
        rotating.store.recordUses([{ secretId, firstAtMs: atMs, lastAtMs: atMs }]);
      await use('first', START_MS + 5);
      expect(await rotating.store.dueGraces()).toEqual([]);
      await use('second', START_MS + 7);
      await use('second', START_MS + 9);
      expect(await rotating.store.dueGraces()).toEqual([
        {
          ownerId: 'one',
          secretId: 'first',
          firstUsedAtMs: START_MS + 7,
          graceMs: 60_000,
          expiresAtMs: LATEST_END_MS,
        },
      ]);
      const answers = await inParallel(5, () =>
        rotating.store.startGrace('first', START_MS + 60_007, auditRecord('grace')),
      );
      expect(answers.sort()).toEqual(['missing', 'missing', 'missing', 'missing', 'started']);
      expect(await rotating.store.dueGraces()).toEqual([]);
      expect(await ends(rotating)).toEqual({ first: START_MS + 60_007, second: undefined });
      expect(await auditedReasons(at.stores)).toEqual(['acme', 'one', 'rotate second', 'grace']);
    });

    it('leave one that lives when several people end one each at the same time', async () => {
      const rotating = await prepared();
      await rotating.rotate('second');
      const ids = ['first', 'second'];
      const answers = await Promise.all(ids.map((id) => rotating.compromise([id], `after-${id}`)));
      expect(answers.toSorted()).toEqual(['ended', 'replaced']);
      const living = (await rotating.secrets()).filter(({ revokedAtMs }) => revokedAtMs === undefined);
      expect(living.map(({ secretId }) => secretId)).toEqual([`after-${ids[answers.indexOf('replaced')]}`]);
    });

    it('are ended as compromised once, with a successor in the same transaction when no other lives', async () => {
      const rotating = await prepared();
      expect(await rotating.compromise(['first'], 'second')).toBe('replaced');
      expect(await rotating.compromise(['first'], 'third')).toBe('missing');
      expect(await rotating.compromise([])).toBe('missing');
      expect(await rotating.compromise(['of-nobody'])).toBe('missing');
      const secrets = await rotating.secrets();
      expect(secrets.map(({ secretId, revokedAtMs }) => [secretId, revokedAtMs])).toEqual([
        ['first', START_MS + 2],
        ['second', undefined],
      ]);
      expect(await rotating.store.startGrace('first', START_MS, auditRecord('grace'))).toBe('missing');
      expect(await auditedReasons(at.stores)).toEqual(['acme', 'one', 'compromise']);
    });
  });

  describe('the last use of an API key', () => {
    const at = freshStores(engine);
    it('is noted under its own id and only moves forward', async () => {
      await at.stores.partners.insert(partner('acme'), auditRecord('acme'));
      await at.stores.apiKeys.insert(apiKey('ak_one'), auditRecord('one'));
      for (const lastAtMs of [START_MS + 5, START_MS + 3]) {
        await at.stores.apiKeys.recordUses([{ secretId: 'ak_one', firstAtMs: START_MS, lastAtMs }]);
      }
      expect((await at.stores.apiKeys.find('ak_one'))?.lastUsedAtMs).toBe(START_MS + 5);
    });
  });
}
