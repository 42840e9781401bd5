import { createHash, generateKeyPairSync } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ApiKeys, createApiKeys } from '../../../src/api-keys/api-keys.ts';
import { createKeyUsage } from '../../../src/api-keys/key-usage.ts';
import type { SecretUse } from '../../../src/api-keys/api-key.ts';
import { createRevocations } from '../../../src/revocation/revocations.ts';
import { createTestClock } from '../../support/clock.ts';
import { ADMIN, openRooms, type Rooms } from '../fixture.ts';
import { plainKey } from './plain-key.ts';

let rooms: Rooms;
let apiKeys: ApiKeys;

const apiKeysOf = (revocations = rooms.revocations) =>
  createApiKeys({ ...rooms, store: rooms.stores.apiKeys, revocations });

beforeEach(async () => {
  rooms = await openRooms();
  await rooms.addPartner('acme');
  apiKeys = apiKeysOf();
});
afterEach(() => rooms.close());

const bySecret = async (by: ApiKeys, secret: string) => (await by.bySecret(secret)).result;
const publicKey = () => generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }).x as string;

describe('an imported key', () => {
  const SECRET = 'a-secret-that-another-system-gave-out';
  const sha256Of = (text: string) => createHash('sha256').update(text).digest('hex');
  const sha256 = sha256Of(SECRET);

  it.each([
    ['its secret', SECRET],
    ['the SHA-256 of its secret', { sha256 }],
  ])('works with %s as it always did', async (_what, secret) => {
    const key = await apiKeys.importKey(plainKey(), { publicId: 'pk_live_51c0ffee', secret }, ADMIN);
    for (const by of [apiKeys, apiKeysOf()]) {
      expect(await by.byPublicId('pk_live_51c0ffee')).toMatchObject({
        result: 'live',
        key: { keyId: key.keyId },
      });
      expect(await bySecret(by, SECRET)).toBe('live');
      expect(await bySecret(by, `${SECRET}x`)).toBe('unknown');
      expect((await by.byPublicId('pk_live_51c0ffef')).result).toBe('unknown');
    }
    expect(key.publicPrefix).toBe('pk_live_');
  });

  it.each([
    ['its secret', SECRET],
    ['the SHA-256 of its secret', { sha256 }],
  ])('signs by %s', async (_what, secret) => {
    const key = await apiKeys.importKey(
      plainKey({ use: 'signing' }),
      { publicId: 'pk_live_51c0ffee', secret },
      ADMIN,
    );
    expect(apiKeys.signingKeys(key).map(({ signingKey }) => signingKey.export().toString())).toEqual([
      sha256,
    ]);
    expect(await bySecret(apiKeys, SECRET)).toBe('unknown');
  });

  it('that signs has a secret of its own: no other key signs with it or presents it', async () => {
    const take = (
      use: 'bearer' | 'signing',
      publicId: string,
      secret: string | { sha256: string } = SECRET,
    ) => apiKeys.importKey(plainKey({ use }), { publicId, secret }, ADMIN);
    const conflict = { code: 'CONFLICT' };
    await take('signing', 'first-public-id');
    await expect(take('signing', 'second-public-id')).rejects.toMatchObject(conflict);
    await expect(take('signing', 'second-public-id', { sha256 })).rejects.toMatchObject(conflict);
    await expect(take('bearer', 'second-public-id')).rejects.toMatchObject(conflict);
    await rooms.keyring.rotate('credential-pepper');
    await expect(take('bearer', 'second-public-id')).rejects.toMatchObject(conflict);
    await take('bearer', 'second-public-id', `${SECRET}-2`);
    await expect(take('signing', 'third-public-id', `${SECRET}-2`)).rejects.toMatchObject(conflict);
    expect(await bySecret(apiKeys, SECRET)).toBe('unknown');
  });

  it('that presents its secret cannot have one in the form of a JWT, and the reason is told', async () => {
    const secret = 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJwYXJ0bmVyIn0.c2lnbmF0dXJl';
    const credential = { publicId: 'pk_live_51c0ffee', secret };
    await expect(apiKeys.importKey(plainKey(), credential, ADMIN)).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
      message: expect.stringContaining('form of a JWT'),
    });
    await apiKeys.importKey(plainKey({ use: 'signing' }), credential, ADMIN);
  });

  it('cannot take an id or a secret that is known already', async () => {
    const { publicId, secret } = await apiKeys.create(plainKey(), ADMIN);
    const take = (credential: { publicId: string; secret: string }) =>
      apiKeys.importKey(plainKey(), credential, ADMIN);
    const conflict = { code: 'CONFLICT' };
    await expect(take({ publicId, secret: SECRET })).rejects.toMatchObject(conflict);
    await expect(take({ publicId: 'pk_live_51c0ffee', secret: secret as string })).rejects.toMatchObject(
      conflict,
    );
  });

  it.each([
    ['an id with a space', { publicId: 'pk live 51c0ffee', secret: SECRET }],
    ['a short id', { publicId: 'pk_1', secret: SECRET }],
    ['an id that looks like a secret', { publicId: 'sk_live_51c0ffee', secret: SECRET }],
    ['an id of our form that is mistyped', { publicId: `pk_live_${'a'.repeat(33)}`, secret: SECRET }],
    ['a secret of few characters', { publicId: 'pk_live_51c0ffee', secret: '1234512345123451234512345' }],
    ['the SHA-256 of nothing', { publicId: 'pk_live_51c0ffee', secret: { sha256: sha256Of('') } }],
    ['a digest of zeros', { publicId: 'pk_live_51c0ffee', secret: { sha256: '0'.repeat(64) } }],
    ['a short secret', { publicId: 'pk_live_51c0ffee', secret: 'short' }],
    [
      'a secret that is the id',
      { publicId: 'pk_live_51c0ffee_and_more', secret: 'pk_live_51c0ffee_and_more' },
    ],
    ['a digest that is none', { publicId: 'pk_live_51c0ffee', secret: { sha256: sha256.toUpperCase() } }],
  ])('is refused with %s', async (_what, credential) => {
    await expect(apiKeys.importKey(plainKey(), credential, ADMIN)).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
    });
  });
});

describe('a changed key', () => {
  it('works by its new settings at once, here and in another process within a second', async () => {
    const { key, publicId } = await apiKeys.create(plainKey(), ADMIN);
    const revocations = createRevocations({ store: rooms.stores.revocations, clock: rooms.clock });
    await revocations.refresh();
    const other = apiKeysOf(revocations);
    const scopes = async (by: ApiKeys) => {
      const found = await by.byPublicId(publicId);
      return found.result === 'unknown' ? [] : found.key.scopes;
    };
    expect(await scopes(other)).toEqual(['profile:read']);
    expect(await scopes(apiKeys)).toEqual(['profile:read']);
    await apiKeys.update(key.keyId, { scopes: ['whoami'] }, ADMIN);
    expect(await scopes(apiKeys)).toEqual(['whoami']);
    rooms.clock.advance(500);
    await revocations.refresh();
    expect(await scopes(other)).toEqual(['whoami']);
  });

  it('keeps what was not changed, and the moment at which a public key came', async () => {
    const first = publicKey();
    const second = publicKey();
    const { key } = await apiKeys.create(
      plainKey({ publicKeys: [first], allowedAddresses: ['192.0.2.1'] }),
      ADMIN,
    );
    rooms.clock.advance(5_000);
    const changed = await apiKeys.update(key.keyId, { publicKeys: [first, second] }, ADMIN);
    expect(changed.publicKeys).toEqual([
      { ed25519: first, createdAtMs: key.createdAtMs },
      { ed25519: second, createdAtMs: key.createdAtMs + 5_000 },
    ]);
    expect(await rooms.stores.apiKeys.find(key.keyId)).toMatchObject({
      label: 'key',
      allowedAddresses: ['192.0.2.1'],
      publicKeys: changed.publicKeys,
    });
  });

  it.each([
    ['an unknown scope', { scopes: ['everything'] }],
    ['an address that is none', { allowedAddresses: ['192.0.2.0/99'] }],
    ['a public key that is none', { publicKeys: ['abc'] }],
    ['a public key of another length', { publicKeys: [Buffer.alloc(31).toString('base64url')] }],
    ['too many public keys', { publicKeys: Array.from({ length: 5 }, publicKey) }],
  ])('is not made with %s', async (_what, changes) => {
    await expect(apiKeys.create(plainKey(changes), ADMIN)).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
    const { key } = await apiKeys.create(plainKey(), ADMIN);
    await expect(apiKeys.update(key.keyId, changes, ADMIN)).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
    });
  });

  it('that is gone or was never there cannot be changed', async () => {
    const { key } = await apiKeys.create(plainKey(), ADMIN);
    await apiKeys.revoke(key.keyId, ADMIN);
    for (const id of [key.keyId, 'ak_none']) {
      await expect(apiKeys.update(id, { label: 'x' }, ADMIN)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await expect(apiKeys.addSecret(id, ADMIN)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    }
  });
});

describe('two secrets of one key', () => {
  it('both prove it, until one has ended, and its holder is told', async () => {
    const { key, publicId, secret: old } = await apiKeys.create(plainKey(), ADMIN);
    const { secret, record } = await apiKeys.addSecret(key.keyId, ADMIN);
    expect([await bySecret(apiKeys, old as string), await bySecret(apiKeys, secret)]).toEqual([
      'live',
      'live',
    ]);
    const [first] = key.secrets;
    const expiresAtMs = rooms.clock.nowMs() + 60_000;
    await apiKeys.endSecret(key.keyId, first?.secretId as string, { expiresAtMs }, ADMIN);
    expect(await bySecret(apiKeys, old as string)).toBe('live');
    rooms.clock.advance(60_000);
    expect([await bySecret(apiKeys, old as string), await bySecret(apiKeys, secret)]).toEqual([
      'expired',
      'live',
    ]);
    expect((await apiKeys.byPublicId(publicId)).result).toBe('live');
    await apiKeys.endSecret(key.keyId, record.secretId, 'compromised', ADMIN);
    expect(await bySecret(apiKeys, secret)).toBe('unknown');
  });

  it('are two at most', async () => {
    const { key } = await apiKeys.create(plainKey(), ADMIN);
    await apiKeys.addSecret(key.keyId, ADMIN);
    await expect(apiKeys.addSecret(key.keyId, ADMIN)).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  it('both sign, and a compromised one signs nothing from that moment on', async () => {
    const { key, publicId } = await apiKeys.create(plainKey({ use: 'signing' }), ADMIN);
    await apiKeys.addSecret(key.keyId, ADMIN);
    const signingKeys = async () => {
      const found = await apiKeys.byPublicId(publicId);
      return found.result === 'unknown'
        ? []
        : apiKeys.signingKeys(found.key).map(({ secret }) => secret.secretId);
    };
    expect(await signingKeys()).toHaveLength(2);
    await apiKeys.endSecret(key.keyId, key.secrets[0]?.secretId as string, 'compromised', ADMIN);
    expect(await signingKeys()).toHaveLength(1);
    expect(await signingKeys()).not.toContain(key.secrets[0]?.secretId);
  });

  it('are each written down with their making and their end', async () => {
    const { key } = await apiKeys.create(plainKey(), ADMIN);
    await apiKeys.addSecret(key.keyId, ADMIN);
    await apiKeys.endSecret(key.keyId, key.secrets[0]?.secretId as string, 'compromised', ADMIN);
    const events = (await rooms.audited()).map(({ event }) => event);
    expect(events.slice(-3)).toEqual(['api_key.created', 'api_key.secret_added', 'api_key.secret_ended']);
  });
});

describe('the use of a secret', () => {
  it('that is noted while a batch fails to be written is kept together with it', async () => {
    const clock = createTestClock();
    const written: SecretUse[][] = [];
    const state = { tries: 0 };
    const usage = createKeyUsage({
      clock,
      store: {
        recordUses: async (uses) => {
          state.tries += 1;
          if (state.tries > 1) return void written.push([...uses]);
          clock.advance(5_000);
          usage.note('a');
          throw new Error('away');
        },
      },
    });
    const startMs = clock.nowMs();
    usage.note('a');
    await expect(usage.flush()).rejects.toThrow('away');
    await usage.flush();
    expect(written).toEqual([[{ secretId: 'a', firstAtMs: startMs, lastAtMs: startMs + 5_000 }]]);
  });

  it('is written in batches, and nothing of it is lost while the store is away', async () => {
    const clock = createTestClock();
    const written: SecretUse[][] = [];
    let away = true;
    const usage = createKeyUsage({
      clock,
      store: {
        recordUses: async (uses) => {
          if (away) throw new Error('away');
          written.push([...uses]);
        },
      },
    });
    const startMs = clock.nowMs();
    usage.note('a');
    await expect(usage.flush()).rejects.toThrow('away');
    clock.advance(1_000);
    usage.note('a');
    usage.note('b');
    away = false;
    await usage.flush();
    await usage.flush();
    expect(written).toEqual([
      expect.arrayContaining([
        { secretId: 'a', firstAtMs: startMs, lastAtMs: startMs + 1_000 },
        { secretId: 'b', firstAtMs: startMs + 1_000, lastAtMs: startMs + 1_000 },
      ]),
    ]);
  });
});
