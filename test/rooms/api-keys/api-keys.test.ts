import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ApiKeys, createApiKeys } from '../../../src/api-keys/api-keys.ts';
import type { ApiKeySettings } from '../../../src/api-keys/key-settings.ts';
import { createRevocations } from '../../../src/revocation/revocations.ts';
import { ADMIN, openRooms, type Rooms } from '../fixture.ts';
import { plainKey } from './plain-key.ts';

let rooms: Rooms;
let apiKeys: ApiKeys;

const apiKeysOf = (revocations = rooms.revocations) =>
  createApiKeys({
    store: rooms.stores.apiKeys,
    keyring: rooms.keyring,
    clock: rooms.clock,
    audit: rooms.audit,
    partners: rooms.partners,
    revocations,
  });

beforeEach(async () => {
  rooms = await openRooms();
  await rooms.addPartner('acme');
  apiKeys = apiKeysOf();
});
afterEach(() => rooms.close());

async function create(changes: Partial<ApiKeySettings> = {}) {
  const { key, publicId, secret } = await apiKeys.create(plainKey(changes), ADMIN);
  return { key, publicId, secret: secret as string };
}

/** What a presented credential comes to: by its id, by its secret. */
const lookUps = async (by: ApiKeys, made: { publicId: string; secret: string }) => [
  (await by.byPublicId(made.publicId)).result,
  (await by.bySecret(made.secret)).result,
];

describe('a key', () => {
  it('is found by its public id and by its secret, here and after a restart', async () => {
    const made = await create();
    for (const by of [apiKeys, apiKeysOf()]) {
      expect(await by.byPublicId(made.publicId)).toMatchObject({
        result: 'live',
        key: { keyId: made.key.keyId },
      });
      expect(await by.bySecret(made.secret)).toMatchObject({
        result: 'live',
        key: { keyId: made.key.keyId },
      });
    }
  });

  it('is not found by one half in the place of the other, nor by anything near it', async () => {
    const { publicId, secret } = await create();
    expect((await apiKeys.byPublicId(secret)).result).toBe('unknown');
    expect((await apiKeys.bySecret(publicId)).result).toBe('unknown');
    for (const near of [secret.toLowerCase(), `${secret} `, secret.slice(0, -1), '']) {
      expect((await apiKeys.bySecret(near)).result).toBe('unknown');
    }
  });

  it('leaves neither its secret nor the plain SHA-256 of it in the database', async () => {
    const made = [await create(), await create({ use: 'signing' })];
    const kept = JSON.stringify([await rooms.stores.apiKeys.list(), await rooms.audited(), rooms.lines]);
    for (const { key, publicId, secret } of made) {
      expect(kept).toContain(key.keyId);
      const sha256 = createHash('sha256').update(secret);
      expect(kept).not.toContain(secret);
      expect(kept).not.toContain(publicId);
      for (const form of ['hex', 'base64', 'base64url'] as const) {
        expect(kept).not.toContain(sha256.copy().digest(form).replace(/=+$/, ''));
      }
    }
  });

  it('for signing is never taken as a bearer, and always needs a signature', async () => {
    const made = await create({ use: 'signing', signature: 'none' });
    expect(await lookUps(apiKeys, made)).toEqual(['live', 'unknown']);
    expect(made.key.signature).not.toBe('none');
    const [held] = apiKeys.signingKeys(made.key);
    const hex = createHash('sha256').update(made.secret).digest('hex');
    expect(held?.signingKey.export().toString()).toBe(hex);
  });

  it('still works after the pepper was rotated', async () => {
    const made = await create();
    await rooms.keyring.rotate('credential-pepper');
    expect(await lookUps(apiKeys, made)).toEqual(['live', 'live']);
    expect(await lookUps(apiKeysOf(), made)).toEqual(['live', 'live']);
  });

  it.each<[string, Partial<ApiKeySettings>, string]>([
    ['of an unknown partner', { partner: 'nobody' }, 'NOT_FOUND'],
    ['with an unknown scope', { scopes: ['profile:read', 'profile:write'] }, 'INVALID_REQUEST'],
  ])('%s is refused', async (_what, changes, code) => {
    await expect(create(changes)).rejects.toMatchObject({ code });
    expect(await apiKeys.list()).toEqual([]);
  });

  it('leaves a record of its making and its end that tells its prefix alone', async () => {
    const { key } = await create();
    await apiKeys.revoke(key.keyId, ADMIN);
    const records = (await rooms.audited()).filter(({ event }) => event.startsWith('api_key.'));
    expect(records.map(({ event, keyPrefix, partner }) => [event, keyPrefix, partner])).toEqual([
      ['api_key.created', key.publicPrefix, 'acme'],
      ['api_key.revoked', key.publicPrefix, 'acme'],
    ]);
  });
});

describe('the end of a key', () => {
  it('by its expiry comes to the millisecond, also for a key that is remembered', async () => {
    const made = await create({ expiresAtMs: rooms.clock.nowMs() + 10_000 });
    rooms.clock.advance(9_999);
    expect(await lookUps(apiKeys, made)).toEqual(['live', 'live']);
    rooms.clock.advance(1);
    expect(await lookUps(apiKeys, made)).toEqual(['expired', 'expired']);
    expect(await lookUps(apiKeysOf(), made)).toEqual(['expired', 'expired']);
  });

  it('by revocation comes at once', async () => {
    const made = await create();
    expect(await lookUps(apiKeys, made)).toEqual(['live', 'live']);
    await apiKeys.revoke(made.key.keyId, ADMIN);
    expect(await lookUps(apiKeys, made)).toEqual(['unknown', 'unknown']);
    expect(await lookUps(apiKeysOf(), made)).toEqual(['unknown', 'unknown']);
  });

  it('by revocation stays, however long ago it was and wherever the clock jumps', async () => {
    const made = await create();
    await lookUps(apiKeys, made);
    await apiKeys.revoke(made.key.keyId, ADMIN);
    for (const move of [() => rooms.clock.jump(3_600_000), () => rooms.clock.advance(86_400_000)]) {
      move();
      expect(await lookUps(apiKeys, made)).toEqual(['unknown', 'unknown']);
    }
  });

  it('by revocation reaches another process with its next look', async () => {
    const made = await create();
    const revocations = createRevocations({ store: rooms.stores.revocations, clock: rooms.clock });
    const there = apiKeysOf(revocations);
    expect(await lookUps(there, made)).toEqual(['live', 'live']);
    await apiKeys.revoke(made.key.keyId, ADMIN);
    await revocations.refresh();
    expect(await lookUps(there, made)).toEqual(['unknown', 'unknown']);
    // What is remembered there goes before the revocation does.
    rooms.clock.advance(86_400_000);
    expect(await lookUps(there, made)).toEqual(['unknown', 'unknown']);
  });

  it('comes and goes with its partner', async () => {
    const made = await create();
    await rooms.partners.update('acme', { disabled: true }, ADMIN);
    expect(await lookUps(apiKeys, made)).toEqual(['unknown', 'unknown']);
    await rooms.partners.update('acme', { disabled: false }, ADMIN);
    expect(await lookUps(apiKeys, made)).toEqual(['live', 'live']);
  });

  it('of a key that is none or has ended already is refused', async () => {
    const { key } = await create();
    await apiKeys.revoke(key.keyId, ADMIN);
    for (const id of [key.keyId, 'ak_unknown', '']) {
      await expect(apiKeys.revoke(id, ADMIN)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    }
  });
});
