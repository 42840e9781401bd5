import { generateKeyPairSync } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ApiKey, ApiKeyStore } from '../../../src/api-keys/api-key.ts';
import { type ApiKeys, createApiKeys } from '../../../src/api-keys/api-keys.ts';
import type { ApiKeySettings } from '../../../src/api-keys/key-settings.ts';
import { openPartners } from '../../../src/partners/partners.ts';
import { createRevocations } from '../../../src/revocation/revocations.ts';
import { ADMIN, openRooms, type Rooms } from '../fixture.ts';
import { plainKey } from './plain-key.ts';

let rooms: Rooms;
let apiKeys: ApiKeys;
let asked: string[];

/** The store, with a note of every look-up. */
const noting = (store: ApiKeyStore): ApiKeyStore => ({
  ...store,
  findByPublicDigest: (digest) => {
    asked.push(digest);
    return store.findByPublicDigest(digest);
  },
  findBySecretDigest: (digest) => {
    asked.push(digest);
    return store.findBySecretDigest(digest);
  },
});
const open = (revocations = rooms.revocations) =>
  createApiKeys({ ...rooms, store: noting(rooms.stores.apiKeys), revocations });

beforeEach(async () => {
  asked = [];
  rooms = await openRooms();
  await rooms.addPartner('acme');
  apiKeys = open();
});
afterEach(() => rooms.close());

const create = async (changes: Partial<ApiKeySettings> = {}) => {
  const made = await apiKeys.create(plainKey(changes), ADMIN);
  return { ...made, secret: made.secret as string };
};

it('a key of a partner that another process has just made is known by its public id and by its secret', async () => {
  for (const way of ['byPublicId', 'bySecret'] as const) {
    const elsewhere = await openPartners({
      store: rooms.stores.partners,
      clock: rooms.clock,
      audit: rooms.audit,
    });
    const there = createApiKeys({ ...rooms, store: rooms.stores.apiKeys, partners: elsewhere });
    await rooms.addPartner(`new-${way.toLowerCase()}`);
    const { publicId, secret } = await create({ partner: `new-${way.toLowerCase()}` });
    const presented = way === 'byPublicId' ? publicId : secret;
    expect(await there[way](presented)).toMatchObject({ result: 'live' });
  }
});

describe('what is remembered of a key', () => {
  it('spares the store for half a minute, and every answer is counted', async () => {
    const { publicId, secret } = await create();
    for (let i = 0; i < 3; i++) {
      await apiKeys.byPublicId(publicId);
      await apiKeys.bySecret(secret);
    }
    expect(asked).toHaveLength(2);
    expect(apiKeys.lookupCounts()).toEqual({ hits: 4, misses: 2 });
    rooms.clock.advance(29_999);
    await apiKeys.byPublicId(publicId);
    expect(asked).toHaveLength(2);
    rooms.clock.advance(1);
    await apiKeys.byPublicId(publicId);
    expect(asked).toHaveLength(3);
    expect(apiKeys.lookupCounts()).toEqual({ hits: 5, misses: 3 });
  });

  it('is answered at once, without a turn of waiting', async () => {
    const { publicId, secret } = await create();
    await apiKeys.byPublicId(publicId);
    await apiKeys.bySecret(secret);
    expect(apiKeys.byPublicId(publicId)).toMatchObject({ result: 'live' });
    expect(apiKeys.bySecret(secret)).toMatchObject({ result: 'live' });
  });

  it('is nothing where there is no key: the next who asks is answered by the store', async () => {
    const { publicId } = await create();
    const other = open();
    const unknown = publicId.replace('pk_live_', 'imported-');
    for (let i = 0; i < 2; i++) expect((await other.byPublicId(unknown)).result).toBe('unknown');
    expect(asked).toHaveLength(2);
  });

  it('costs the store nothing for text that is no credential at all', async () => {
    for (const text of ['', 'short', `pk_live_${'a'.repeat(33)}`, 'sk_live_abc', 'with a space in it!'])
      expect(apiKeys.byPublicId(text)).toEqual({ result: 'unknown' });
    for (const text of ['', 'short', `sk_live_${'a'.repeat(49)}`, 'with many spaces in it!'])
      expect(apiKeys.bySecret(text)).toEqual({ result: 'unknown' });
    expect(asked).toEqual([]);
  });

  it('is never more than twenty thousand keys', async () => {
    const { key } = await create();
    const few = createApiKeys({
      ...rooms,
      store: {
        ...rooms.stores.apiKeys,
        findByPublicDigest: async (digest) => {
          asked.push(digest);
          return key;
        },
      },
    });
    const id = (n: number) => `imported-${n}`;
    for (let n = 0; n < 20_000; n++) await few.byPublicId(id(n));
    await few.byPublicId(id(0));
    expect(asked).toHaveLength(20_000);
    await few.byPublicId(id(20_000));
    await few.byPublicId(id(0));
    expect(asked).toHaveLength(20_002);
  });
});

describe('a key that another process changed', () => {
  it('is read again, a quarter of a second apart, for as long as the change is new', async () => {
    const { key, publicId } = await create();
    const revocations = createRevocations({ store: rooms.stores.revocations, clock: rooms.clock });
    const there = open(revocations);
    await there.byPublicId(publicId);
    asked.length = 0;
    await apiKeys.update(key.keyId, { label: 'new' }, ADMIN);
    await revocations.refresh();
    rooms.clock.advance(249);
    await there.byPublicId(publicId);
    expect(asked).toHaveLength(0);
    rooms.clock.advance(1);
    expect(await there.byPublicId(publicId)).toMatchObject({ key: { label: 'new' } });
    expect(asked).toHaveLength(1);
    for (let i = 0; i < 4; i++) {
      rooms.clock.advance(250);
      await there.byPublicId(publicId);
    }
    expect(asked).toHaveLength(5);
    rooms.clock.advance(60_000);
    await there.byPublicId(publicId);
    asked.length = 0;
    rooms.clock.advance(29_000);
    await there.byPublicId(publicId);
    expect(asked).toHaveLength(0);
  });

  it('is remembered as revoked for longer than anybody remembers the key', async () => {
    const { key } = await create();
    const { revocations } = rooms;
    const written: unknown[] = [];
    const noted = createApiKeys({
      ...rooms,
      store: {
        ...rooms.stores.apiKeys,
        revoke: (keyId, end, record) => {
          written.push(end);
          return rooms.stores.apiKeys.revoke(keyId, end, record);
        },
      },
      revocations,
    });
    await noted.revoke(key.keyId, ADMIN);
    const atMs = rooms.clock.nowMs();
    expect(written).toEqual([
      {
        atMs,
        revocations: [{ kind: 'api_key', id: key.keyId, cutoffMs: atMs, expiresAtMs: atMs + 60_000 }],
      },
    ]);
    expect(noted.changeOf('ak_1')).toEqual({
      kind: 'api_key_record',
      id: 'ak_1',
      cutoffMs: atMs + 60_000,
      expiresAtMs: atMs + 90_000,
    });
  });
});

describe('the secrets of a key', () => {
  const publicKey = () => generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }).x as string;

  it('are none where it signs with v2 and a public key alone; else there is one', async () => {
    const publicKeys = [publicKey()];
    const of = async (changes: Partial<ApiKeySettings>) => {
      const { key, secret } = await apiKeys.create(plainKey(changes), ADMIN);
      expect(key.secrets).toHaveLength(secret === undefined ? 0 : 1);
      return secret;
    };
    expect(await of({ use: 'signing', signature: 'v2', publicKeys })).toBeUndefined();
    expect(await of({ use: 'signing', signature: 'any', publicKeys })).toBeDefined();
    expect(await of({ use: 'signing', signature: 'v2' })).toBeDefined();
    expect(await of({ use: 'bearer', signature: 'v2', publicKeys })).toBeDefined();
  });

  it('are opened once for all requests, and those that cannot be opened sign nothing', async () => {
    const { key } = await create({ use: 'signing' });
    const [first] = apiKeys.signingKeys(key);
    expect(apiKeys.signingKeys(key)[0]?.signingKey).toBe(first?.signingKey);
    const [secret] = key.secrets as [ApiKey['secrets'][number]];
    const held = (change: object) => apiKeys.signingKeys({ ...key, secrets: [{ ...secret, ...change }] });
    expect(held({ secretId: 'as_another' })).toEqual([]);
    expect(held({ sealedSigningKey: undefined })).toEqual([]);
    expect(held({ revokedAtMs: 1 })).toEqual([]);
    expect(held({ expiresAtMs: 1 })).toHaveLength(1);
  });

  it('live until their end, to the millisecond, and not after they were revoked', async () => {
    const { key } = await create();
    const [secret] = key.secrets as [ApiKey['secrets'][number]];
    const nowMs = rooms.clock.nowMs();
    expect(apiKeys.isLive(secret)).toBe(true);
    expect(apiKeys.isLive({ ...secret, expiresAtMs: nowMs + 1 })).toBe(true);
    expect(apiKeys.isLive({ ...secret, expiresAtMs: nowMs })).toBe(false);
    expect(apiKeys.isLive({ ...secret, revokedAtMs: nowMs + 1 })).toBe(false);
  });

  it('may be added with an end, and no secret ends that the key does not have', async () => {
    const { key, secret: old } = await create();
    const expiresAtMs = rooms.clock.nowMs() + 1_000;
    const { secret, record } = await apiKeys.addSecret(key.keyId, ADMIN, { expiresAtMs });
    expect(record).toMatchObject({ expiresAtMs, revokedAtMs: undefined, createdAtMs: rooms.clock.nowMs() });
    expect(record.secretId).toMatch(/^as_/);
    expect(await apiKeys.bySecret(secret)).toMatchObject({
      result: 'live',
      secret: { secretId: record.secretId },
    });
    rooms.clock.advance(1_000);
    expect((await apiKeys.bySecret(secret)).result).toBe('expired');
    expect((await apiKeys.bySecret(old)).result).toBe('live');
    for (const end of ['compromised', { expiresAtMs }] as const)
      await expect(apiKeys.endSecret(key.keyId, 'as_none', end, ADMIN)).rejects.toMatchObject({
        code: 'NOT_FOUND',
      });
    await apiKeys.endSecret(key.keyId, record.secretId, 'compromised', ADMIN);
    await expect(apiKeys.endSecret(key.keyId, record.secretId, 'compromised', ADMIN)).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
  });
});

describe('keys', () => {
  it('are listed by partner, and found by their internal id', async () => {
    await rooms.addPartner('other');
    const { key } = await create();
    const { key: theirs } = await create({ partner: 'other' });
    const ids = async (partner?: string) => (await apiKeys.list(partner)).map(({ keyId }) => keyId);
    expect(await ids('acme')).toEqual([key.keyId]);
    expect((await ids()).sort()).toEqual([key.keyId, theirs.keyId].sort());
    expect(await apiKeys.find(theirs.keyId)).toMatchObject({ partner: 'other' });
    expect(key.keyId).toMatch(/^ak_/);
  });

  it('leave a record of every change, by the one who made it', async () => {
    const { key } = await create();
    await apiKeys.update(key.keyId, { label: 'x' }, ADMIN);
    await apiKeys.importKey(
      plainKey(),
      { publicId: 'imported-id', secret: 'a-secret-of-another-system' },
      ADMIN,
    );
    const records = (await rooms.audited()).filter(({ event }) => event.startsWith('api_key.'));
    expect(records).toMatchObject([
      { event: 'api_key.created', outcome: 'success', ...ADMIN, keyPrefix: key.publicPrefix },
      { event: 'api_key.updated', outcome: 'success', ...ADMIN, keyPrefix: key.publicPrefix },
      { event: 'api_key.imported', outcome: 'success', ...ADMIN, keyPrefix: 'impor' },
    ]);
  });

  it('are used from the addresses that they list, and from any where they list none', async () => {
    const { key } = await create({ allowedAddresses: ['192.0.2.0/24', '2001:db8::/32'] });
    for (const address of ['192.0.2.1', '2001:db8:1::1', '::ffff:192.0.2.9'])
      expect(apiKeys.allowsAddress(key, address)).toBe(true);
    for (const address of ['198.51.100.1', '2001:db9::1', 'unknown', ''])
      expect(apiKeys.allowsAddress(key, address)).toBe(false);
    const { key: open_ } = await create();
    expect(apiKeys.allowsAddress(open_, 'unknown')).toBe(true);
  });

  it('that a store refuses or no longer has are told as such', async () => {
    const { key } = await create();
    const having = (store: Partial<ApiKeyStore>) =>
      createApiKeys({ ...rooms, store: { ...rooms.stores.apiKeys, ...store } });
    const missing = async () => 'missing' as const;
    await expect(having({ insert: async () => 'conflict' }).create(plainKey(), ADMIN)).rejects.toMatchObject({
      code: 'CONFLICT',
    });
    const gone = having({ update: missing, addSecret: missing, revoke: missing });
    await expect(gone.update(key.keyId, {}, ADMIN)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(gone.addSecret(key.keyId, ADMIN)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(gone.revoke(key.keyId, ADMIN)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});
