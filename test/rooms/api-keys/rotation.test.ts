import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createApiKeys } from '../../../src/api-keys/api-keys.ts';
import type { ApiKeySettings } from '../../../src/api-keys/key-settings.ts';
import { createKeyRotation } from '../../../src/api-keys/rotation.ts';
import { ADMIN, openRooms, type Rooms } from '../fixture.ts';

const DAY_MS = 86_400_000;
const HOUR_SECONDS = 3_600;

/** Keys and their rotation as one process has them. */
function processOver(rooms: Rooms) {
  const { keyring, clock, audit, partners, revocations } = rooms;
  const store = rooms.stores.apiKeys;
  const apiKeys = createApiKeys({ store, keyring, clock, audit, partners, revocations });
  return { apiKeys, rotation: createKeyRotation({ store, apiKeys, keyring, clock, audit }) };
}

describe('rotation of API keys', () => {
  let rooms: Rooms;
  let at: ReturnType<typeof processOver>;
  beforeEach(async () => {
    rooms = await openRooms();
    await rooms.addPartner('acme');
    at = processOver(rooms);
  });
  afterEach(() => rooms.close());

  const create = async (changes: Partial<ApiKeySettings> = {}) => {
    const made = await at.apiKeys.create(
      {
        partner: 'acme',
        label: 'chat server',
        environment: 'live',
        use: 'bearer',
        signature: 'none',
        scopes: ['profile:read'],
        allowedAddresses: ['192.0.2.0/24'],
        publicKeys: [],
        expiresAtMs: undefined,
        ...changes,
      },
      ADMIN,
    );
    return { ...made, secret: made.secret as string };
  };
  const resultOf = async (secret: string) => (await at.apiKeys.bySecret(secret)).result;
  /** A use, as the edge notes it, and what the timers do about it. */
  const use = async (secret: string) => {
    const found = await at.apiKeys.bySecret(secret);
    if (found.result === 'unknown') throw new Error('nobody knows this secret');
    at.apiKeys.note(found.secret.secretId);
    await at.apiKeys.flush();
    return at.rotation.startGraces();
  };

  it('keeps the public id and every setting, and both secrets work meanwhile', async () => {
    const { key, publicId, secret } = await create();
    const rotated = await at.rotation.rotate(key.keyId, {}, ADMIN);
    expect(rotated.secret).toMatch(/^sk_live_/);
    expect(rotated.secret).not.toBe(secret);
    expect([await resultOf(secret), await resultOf(rotated.secret)]).toEqual(['live', 'live']);
    const found = await at.apiKeys.byPublicId(publicId);
    expect(found.result).toBe('live');
    const { secrets: _, ...settings } = (await at.apiKeys.find(key.keyId)) as typeof key;
    const { secrets: __, ...before } = key;
    expect(settings).toEqual(before);
  });

  it('lets the grace of the old secret begin with the first use of the new one, not before', async () => {
    const { key, secret } = await create();
    const rotated = await at.rotation.rotate(key.keyId, { graceSeconds: HOUR_SECONDS }, ADMIN);
    rooms.clock.advance(5 * DAY_MS);
    expect(await use(secret)).toBe(0);
    expect(await resultOf(secret)).toBe('live');
    expect(await use(rotated.secret)).toBe(1);
    rooms.clock.advance(HOUR_SECONDS * 1000 - 1);
    expect(await resultOf(secret)).toBe('live');
    rooms.clock.advance(1);
    expect(await resultOf(secret)).toBe('expired');
    expect(await resultOf(rotated.secret)).toBe('live');
    expect(await use(rotated.secret)).toBe(0);
  });

  it('ends the old secret at the latest on the hard date, although the new one is never used', async () => {
    const { key, secret } = await create();
    const latestEndMs = rooms.clock.nowMs() + 2 * DAY_MS;
    const { replaced } = await at.rotation.rotate(key.keyId, { latestEndMs }, ADMIN);
    expect(replaced).toMatchObject([{ latestEndMs, graceMs: 7 * DAY_MS }]);
    rooms.clock.advance(2 * DAY_MS - 1);
    expect(await resultOf(secret)).toBe('live');
    rooms.clock.advance(1);
    expect(await resultOf(secret)).toBe('expired');
  });

  it('never lets the old secret outlive the end that it had, and gives the key its length of life again', async () => {
    const { key, secret } = await create({ expiresAtMs: rooms.clock.nowMs() + 10 * DAY_MS });
    rooms.clock.advance(6 * DAY_MS);
    const rotated = await at.rotation.rotate(key.keyId, { graceSeconds: 20 * 86_400 }, ADMIN);
    expect(rotated.keyExpiresAtMs).toBe(rooms.clock.nowMs() + 10 * DAY_MS);
    await use(rotated.secret);
    rooms.clock.advance(4 * DAY_MS - 1);
    expect(await resultOf(secret)).toBe('live');
    rooms.clock.advance(1);
    expect(await resultOf(secret)).toBe('expired');
    expect(await resultOf(rotated.secret)).toBe('live');
    rooms.clock.advance(6 * DAY_MS);
    expect(await resultOf(rotated.secret)).toBe('expired');
  });

  it('gives the key another end, or none, when that is asked for', async () => {
    const { key } = await create({ expiresAtMs: rooms.clock.nowMs() + DAY_MS });
    const endless = await at.rotation.rotate(key.keyId, { keyExpiresAtMs: null }, ADMIN);
    expect(endless.keyExpiresAtMs).toBeUndefined();
    expect((await at.apiKeys.find(key.keyId))?.expiresAtMs).toBeUndefined();
    await expect(
      at.rotation.rotate(key.keyId, { keyExpiresAtMs: rooms.clock.nowMs() }, ADMIN),
    ).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
  });

  it('signs with both secrets, and tells the holder of the replaced one that it has expired', async () => {
    const { key } = await create({ use: 'signing', signature: 'v1' });
    await at.rotation.rotate(
      key.keyId,
      { graceSeconds: 0, latestEndMs: rooms.clock.nowMs() + DAY_MS },
      ADMIN,
    );
    const both = (await at.apiKeys.find(key.keyId)) as typeof key;
    expect(at.apiKeys.signingKeys(both)).toHaveLength(2);
    rooms.clock.advance(DAY_MS);
    const held = at.apiKeys.signingKeys(both);
    expect(held.map((one) => at.apiKeys.isLive(one.secret))).toEqual([false, true]);
  });

  it('gives one successor to many that ask at once', async () => {
    const { key } = await create();
    const answers = await Promise.allSettled(
      Array.from({ length: 10 }, () => at.rotation.rotate(key.keyId, {}, ADMIN)),
    );
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect((await at.apiKeys.find(key.keyId))?.secrets).toHaveLength(2);
    await expect(at.rotation.rotate(key.keyId, {}, ADMIN)).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  it('may begin again once the old secret has ended', async () => {
    const { key } = await create();
    await at.rotation.rotate(key.keyId, { latestEndMs: rooms.clock.nowMs() + DAY_MS }, ADMIN);
    rooms.clock.advance(DAY_MS);
    const { replaced } = await at.rotation.rotate(key.keyId, {}, ADMIN);
    expect(replaced).toHaveLength(1);
  });

  it.each([
    ['a grace beyond ninety days', { graceSeconds: 91 * 86_400 }],
    ['a hard date in the past', { latestEndMs: 0 }],
    ['a hard date beyond a year', { latestEndMs: Date.UTC(2028, 0, 1) }],
  ])('refuses %s', async (_what, options) => {
    const { key } = await create();
    await expect(at.rotation.rotate(key.keyId, options, ADMIN)).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
    });
    expect((await at.apiKeys.find(key.keyId))?.secrets).toHaveLength(1);
  });

  it('refuses a revoked key, an unknown one, and one that has no secret', async () => {
    const { key } = await create();
    await at.apiKeys.revoke(key.keyId, ADMIN);
    for (const keyId of [key.keyId, 'ak_none']) {
      await expect(at.rotation.rotate(keyId, {}, ADMIN)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await expect(at.rotation.compromised(keyId, {}, ADMIN)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    }
    const keyless = await create({
      use: 'signing',
      signature: 'v2',
      publicKeys: ['11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo'],
    });
    await expect(at.rotation.rotate(keyless.key.keyId, {}, ADMIN)).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
    });
  });

  it('ends every secret of a compromised key at once and makes one successor', async () => {
    const { key, publicId, secret } = await create();
    const rotated = await at.rotation.rotate(key.keyId, {}, ADMIN);
    const { ended, successor } = await at.rotation.compromised(key.keyId, { reason: 'leaked' }, ADMIN);
    expect(ended).toHaveLength(2);
    expect([await resultOf(secret), await resultOf(rotated.secret)]).toEqual(['unknown', 'unknown']);
    expect(await resultOf(successor?.secret as string)).toBe('live');
    expect((await at.apiKeys.byPublicId(publicId)).result).toBe('live');
  });

  it('ends one compromised secret alone, and makes no other while one lives', async () => {
    const { key, secret } = await create();
    const rotated = await at.rotation.rotate(key.keyId, {}, ADMIN);
    const [old] = rotated.replaced;
    const outcome = await at.rotation.compromised(key.keyId, { secretId: old?.secretId }, ADMIN);
    expect(outcome).toMatchObject({ ended: [old?.secretId], successor: undefined });
    expect([await resultOf(secret), await resultOf(rotated.secret)]).toEqual(['unknown', 'live']);
    await expect(
      at.rotation.compromised(key.keyId, { secretId: old?.secretId }, ADMIN),
    ).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('leaves a key with a secret when two administrators end one of two each at once', async () => {
    const { key } = await create();
    const { secretId } = await at.rotation.rotate(key.keyId, {}, ADMIN);
    const ids = [key.secrets[0]?.secretId, secretId];
    const outcomes = await Promise.all(
      ids.map((one) => at.rotation.compromised(key.keyId, { secretId: one }, ADMIN)),
    );
    const successors = outcomes.flatMap(({ successor }) => (successor ? [successor.secret] : []));
    expect(successors).toHaveLength(1);
    expect(await resultOf(successors[0] as string)).toBe('live');
  });

  it('is seen by another process with its next look at the revocations', async () => {
    const { key, secret } = await create();
    const other = processOver(rooms);
    expect((await other.apiKeys.bySecret(secret)).result).toBe('live');
    await at.rotation.compromised(key.keyId, {}, ADMIN);
    await rooms.revocations.refresh();
    rooms.clock.advance(250);
    expect((await other.apiKeys.bySecret(secret)).result).toBe('unknown');
  });

  it('leaves one audit record for each change, without a secret', async () => {
    const { key, secret } = await create();
    const rotated = await at.rotation.rotate(key.keyId, { graceSeconds: 60 }, ADMIN);
    await use(rotated.secret);
    const { successor } = await at.rotation.compromised(key.keyId, { reason: 'leaked' }, ADMIN);
    const records = (await rooms.audited()).filter(({ event }) => event.startsWith('api_key.'));
    expect(records.map(({ event, actor, reason }) => [event, actor, reason])).toEqual([
      ['api_key.created', 'admin:test', undefined],
      ['api_key.secret_rotated', 'admin:test', undefined],
      ['api_key.grace_started', 'system', undefined],
      ['api_key.secret_compromised', 'admin:test', 'leaked'],
    ]);
    const written = JSON.stringify(records) + rooms.lines.join('');
    for (const one of [secret, rotated.secret, successor?.secret as string])
      expect(written).not.toContain(one);
  });
});
