import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { createApiKeys } from '../../../src/api-keys/api-keys.ts';
import { createRequestSignatures, readSignatures } from '../../../src/api-keys/request-signatures.ts';
import type { ReplaySpace } from '../../../src/replay/replay.ts';
import { signingKeyBytes, signingKeyOf } from '../../../src/signatures/signed-request.ts';
import { signV1 } from '../../../src/signatures/v1.ts';
import { signV2 } from '../../../src/signatures/v2.ts';
import { ADMIN, openRooms, type Rooms } from '../fixture.ts';
import { request } from '../signatures/signed.ts';

let rooms: Rooms;
const folders: string[] = [];
afterEach(async () => {
  await rooms.close();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

const body = Buffer.from('{"fields":["plan"]}');

async function setUp(file?: string) {
  rooms = await openRooms(file === undefined ? {} : { file });
  const apiKeys = createApiKeys({ ...rooms, store: rooms.stores.apiKeys });
  return {
    apiKeys,
    signatures: createRequestSignatures({ clock: rooms.clock, replays: rooms.stores.replays, apiKeys }),
  };
}

const settings = {
  partner: 'acme',
  label: 'key',
  environment: 'live',
  use: 'signing',
  signature: 'any',
  scopes: ['profile:read'],
  allowedAddresses: [],
  publicKeys: [],
  expiresAtMs: undefined,
} as const;

async function signingKey(apiKeys: Awaited<ReturnType<typeof setUp>>['apiKeys']) {
  await rooms.addPartner('acme');
  const made = await apiKeys.create(
    { ...settings, scopes: [...settings.scopes], allowedAddresses: [], publicKeys: [] },
    ADMIN,
  );
  return { ...made, secret: made.secret as string };
}

function v1Request(secret: string) {
  const timestampSeconds = Math.floor(rooms.clock.nowMs() / 1000);
  return request({ body }, signV1({ signingKey: signingKeyOf(secret), timestampSeconds, body }));
}

describe('an accepted signature', () => {
  it('is remembered over a restart', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'symbolon-replay-'));
    folders.push(folder);
    const file = join(folder, 'symbolon.db');
    const first = await setUp(file);
    const { key, secret } = await signingKey(first.apiKeys);
    const { signatures } = readSignatures(v1Request(secret));
    expect(await first.signatures.consume(key, signatures)).toBe('fresh');
    await rooms.close();
    const second = await setUp(file);
    expect(await second.signatures.consume(key, signatures)).toBe('replayed');
  });

  it('is remembered for twice its window and more, by its bytes and its key', async () => {
    const { apiKeys } = await setUp();
    const { key, secret } = await signingKey(apiKeys);
    const asked: { space: ReplaySpace; id: string; forMs: number }[] = [];
    const signatures = createRequestSignatures({
      clock: rooms.clock,
      apiKeys,
      replays: {
        consume: async (space, id, expiresAtMs) => {
          asked.push({ space, id, forMs: expiresAtMs - rooms.clock.nowMs() });
          return 'fresh';
        },
      },
    });
    const v1 = v1Request(secret);
    const upper = request(
      { body },
      {
        'x-timestamp': v1.header('x-timestamp') as string,
        'x-api-signature': (v1.header('x-api-signature') as string).toUpperCase(),
      },
    );
    await signatures.consume(key, readSignatures(v1).signatures);
    await signatures.consume(key, readSignatures(upper).signatures);
    await signatures.consume({ ...key, keyId: 'ak_other' }, readSignatures(v1).signatures);
    expect(asked[0]).toEqual(asked[1]);
    expect(asked[2]?.id).not.toBe(asked[0]?.id);
    expect(asked[0]).toMatchObject({ space: 'signature-v1', forMs: 660_000 });
    const v2 = signV2({
      request: request({ body }),
      keyId: 'pk',
      key: { algorithm: 'hmac-sha256', signingKey: signingKeyOf(secret) },
      createdSeconds: 1_790_000_000,
      nonce: 'a-nonce-of-sixteen-or-more',
    });
    await signatures.consume(key, readSignatures(request({ body }, v2)).signatures);
    expect(asked[3]).toMatchObject({ space: 'signature-v2', forMs: 180_000 });
  });

  it('passes once when two hundred try at the same time', async () => {
    const { apiKeys, signatures } = await setUp();
    const { key, secret } = await signingKey(apiKeys);
    const carried = readSignatures(v1Request(secret)).signatures;
    const answers = await Promise.all(Array.from({ length: 200 }, () => signatures.consume(key, carried)));
    expect(answers.filter((answer) => answer === 'fresh')).toHaveLength(1);
  });

  it('is refused while nobody can tell whether it was used', async () => {
    const { apiKeys, signatures } = await setUp();
    const { key, secret } = await signingKey(apiKeys);
    const carried = readSignatures(v1Request(secret)).signatures;
    await rooms.stores.close();
    await expect(signatures.consume(key, carried)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });
});

describe('a signature during a rotation', () => {
  it('of either secret is right, and of a replaced one is told to be so', async () => {
    const { apiKeys, signatures } = await setUp();
    const { key, publicId, secret } = await signingKey(apiKeys);
    const next = await apiKeys.addSecret(key.keyId, ADMIN);
    const judge = async (signedWith: string) => {
      const found = await apiKeys.byPublicId(publicId);
      if (found.result === 'unknown') throw new Error('the key is gone');
      const signed = v1Request(signedWith);
      return signatures.judge(found.key, signed, readSignatures(signed).signatures);
    };
    const [old] = key.secrets;
    expect(await judge(secret)).toMatchObject({ outcome: 'right', secrets: [{ secretId: old?.secretId }] });
    expect(await judge(next.secret)).toMatchObject({
      outcome: 'right',
      secrets: [{ secretId: next.record.secretId }],
    });
    await apiKeys.endSecret(key.keyId, old?.secretId as string, { expiresAtMs: rooms.clock.nowMs() }, ADMIN);
    expect(await judge(secret)).toEqual({ outcome: 'replaced' });
    expect(await judge(next.secret)).toMatchObject({ outcome: 'right' });
    await apiKeys.endSecret(key.keyId, old?.secretId as string, 'compromised', ADMIN);
    expect(await judge(secret)).toEqual({ outcome: 'wrong', problem: 'signature_mismatch' });
  });
});

it('nothing in a dump of the store signs a request', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'symbolon-dump-'));
  folders.push(folder);
  const { apiKeys } = await setUp(join(folder, 'symbolon.db'));
  const { secret } = await signingKey(apiKeys);
  await rooms.close();
  const dump = readdirSync(folder).map((name) => readFileSync(join(folder, name)).toString('latin1'));
  const signing = signingKeyBytes(secret);
  const binary = Buffer.from(signing.toString(), 'hex');
  for (const text of dump) {
    for (const key of [secret, signing.toString(), signing.toString('base64'), signing.toString('hex')]) {
      expect(text).not.toContain(key);
    }
    for (const encoding of ['latin1', 'base64', 'base64url', 'hex'] as const) {
      expect(text).not.toContain(binary.toString(encoding));
    }
  }
  expect(dump.join('')).toContain('ak_');
  rooms = await openRooms();
});
