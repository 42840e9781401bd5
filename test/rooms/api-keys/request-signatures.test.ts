import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { createApiKeys } from '../../../src/api-keys/api-keys.ts';
import {
  createRequestSignatures,
  readSignatures,
  satisfiesPolicy,
} from '../../../src/api-keys/request-signatures.ts';
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

describe('what a key says to a signature', () => {
  const NONCE = 'a-nonce-of-sixteen-or-more';
  async function judging(publicKeys: string[] = []) {
    const { apiKeys, signatures } = await setUp();
    await rooms.addPartner('acme');
    const made = await apiKeys.create(
      { ...settings, scopes: [...settings.scopes], allowedAddresses: [], publicKeys },
      ADMIN,
    );
    const secret = made.secret as string;
    const nowSeconds = Math.floor(rooms.clock.nowMs() / 1000);
    const v1 = (timestampSeconds = nowSeconds) =>
      signV1({ signingKey: signingKeyOf(secret), timestampSeconds, body });
    const v2 = (more: Partial<Parameters<typeof signV2>[0]> = {}) =>
      signV2({
        request: request({ body }),
        keyId: made.publicId,
        key: { algorithm: 'hmac-sha256', signingKey: signingKeyOf(secret) },
        createdSeconds: nowSeconds,
        nonce: NONCE,
        ...more,
      });
    const judge = (headers: Record<string, string>, sent = body) => {
      const arrived = request({ body: sent }, headers);
      return signatures.judge(made.key, arrived, readSignatures(arrived).signatures);
    };
    return {
      ...made,
      secretId: made.key.secrets[0]?.secretId,
      nowSeconds,
      v1,
      v2,
      judge,
      apiKeys,
      signatures,
    };
  }

  it('is that it is right, for either scheme and for both at once, each with its secret', async () => {
    const { judge, v1, v2, secretId } = await judging();
    expect(judge(v1())).toMatchObject({ outcome: 'right', secrets: [{ secretId }] });
    expect(judge(v2())).toMatchObject({ outcome: 'right', secrets: [{ secretId }] });
    expect(judge({ ...v1(), ...v2() })).toMatchObject({
      outcome: 'right',
      secrets: [{ secretId }, { secretId }],
    });
    expect(judge({})).toEqual({ outcome: 'right', secrets: [] });
  });

  it('is that it is wrong when one of two is', async () => {
    const { judge, v1, v2 } = await judging();
    const wrong = { outcome: 'wrong', problem: 'signature_mismatch' };
    expect(
      judge({ ...v1(), ...v2({ key: { algorithm: 'hmac-sha256', signingKey: signingKeyOf('x') } }) }),
    ).toEqual(wrong);
    expect(judge({ ...v2(), ...v1(), 'x-api-signature': 'a'.repeat(64) })).toEqual(wrong);
  });

  it('is that the body is another, also where the signature itself is right', async () => {
    const { judge, v1, v2 } = await judging();
    expect(judge(v2(), Buffer.from('{}'))).toEqual({ outcome: 'wrong', problem: 'digest_mismatch' });
    expect(judge(v1(), Buffer.from('{}'))).toEqual({ outcome: 'wrong', problem: 'signature_mismatch' });
  });

  it.each([
    ['v1', 300],
    ['v2', 60],
  ] as const)(
    'of %s is that it is untimely beyond %i seconds, to both sides',
    async (scheme, windowSeconds) => {
      const { judge, v1, v2, nowSeconds } = await judging();
      const made = (seconds: number) => (scheme === 'v1' ? v1(seconds) : v2({ createdSeconds: seconds }));
      for (const side of [-1, 1]) {
        expect(judge(made(nowSeconds + side * windowSeconds)).outcome).toBe('right');
        expect(judge(made(nowSeconds + side * (windowSeconds + 1)))).toEqual({
          outcome: 'untimely',
          windowSeconds,
        });
      }
    },
  );

  it('is told of time only where the signature is right, and of a replaced secret before that', async () => {
    const { judge, v1, v2, nowSeconds, key, secretId, apiKeys, publicId, signatures } = await judging();
    const late = nowSeconds - 1_000;
    expect(judge({ ...v1(late), 'x-api-signature': 'a'.repeat(64) })).toMatchObject({ outcome: 'wrong' });
    await apiKeys.endSecret(key.keyId, secretId as string, { expiresAtMs: rooms.clock.nowMs() }, ADMIN);
    const found = await apiKeys.byPublicId(publicId);
    const record = found.result === 'unknown' ? key : found.key;
    for (const headers of [v1(late), v1(), v2(), v2({ createdSeconds: late })]) {
      const arrived = request({ body }, headers);
      expect(signatures.judge(record, arrived, readSignatures(arrived).signatures)).toEqual({
        outcome: 'replaced',
      });
    }
    const other = request({ body: Buffer.from('{}') }, v2());
    expect(signatures.judge(record, other, readSignatures(other).signatures)).toEqual({
      outcome: 'wrong',
      problem: 'digest_mismatch',
    });
  });

  it('by Ed25519 is right with any of its public keys, and names no secret', async () => {
    const pairs = [generateKeyPairSync('ed25519'), generateKeyPairSync('ed25519')];
    const ids = pairs.map(({ publicKey }) => publicKey.export({ format: 'jwk' }).x as string);
    const { judge, v2 } = await judging(ids);
    const by = (privateKey: KeyObject) => v2({ key: { algorithm: 'ed25519', privateKey } });
    for (const { privateKey } of pairs)
      expect(judge(by(privateKey))).toEqual({ outcome: 'right', secrets: [] });
    const stranger = generateKeyPairSync('ed25519').privateKey;
    expect(judge(by(stranger))).toEqual({ outcome: 'wrong', problem: 'signature_mismatch' });
    expect(judge(by(pairs[0]?.privateKey as KeyObject), Buffer.from('{}'))).toEqual({
      outcome: 'wrong',
      problem: 'digest_mismatch',
    });
    await rooms.close();
    const keyless = await judging();
    expect(keyless.judge(by(stranger))).toEqual({ outcome: 'wrong', problem: 'algorithm_without_key' });
  });
});

describe('the signatures of a request', () => {
  it('are all that it carries, and a problem as soon as one cannot be right', () => {
    const headers = { 'x-timestamp': '1790000000', 'x-api-signature': 'a'.repeat(64) };
    const versions = (more: Record<string, string>) => {
      const { signatures, problem } = readSignatures(request({ body }, more));
      return { versions: signatures.map(({ version }) => version), problem };
    };
    expect(versions({})).toEqual({ versions: [], problem: undefined });
    expect(versions(headers)).toEqual({ versions: ['v1'], problem: undefined });
    expect(versions({ ...headers, 'x-api-signature': 'x' })).toEqual({
      versions: [],
      problem: 'signature_malformed',
    });
    expect(versions({ ...headers, 'signature-input': '(' })).toEqual({
      versions: ['v1'],
      problem: 'signature_input_malformed',
    });
  });

  it('are what the policy of a key asks for, or not', () => {
    const table: [Parameters<typeof satisfiesPolicy>[0], boolean[]][] = [
      ['none', [true, true, true, true]],
      ['any', [false, true, true, true]],
      ['v1', [false, true, false, true]],
      ['v2', [false, false, true, true]],
    ];
    const carried = [[], ['v1'], ['v2'], ['v1', 'v2']] as const;
    for (const [policy, answers] of table)
      expect(carried.map((versions) => satisfiesPolicy(policy, versions))).toEqual(answers);
  });

  it('are used up one after the other, until one was used before', async () => {
    const { apiKeys, signatures } = await setUp();
    const { key, secret } = await signingKey(apiKeys);
    const signed = v1Request(secret);
    const both = signV2({
      request: request({ body }),
      keyId: 'pk',
      key: { algorithm: 'hmac-sha256', signingKey: signingKeyOf(secret) },
      createdSeconds: 1_790_000_000,
      nonce: 'a-nonce-of-sixteen-or-more',
    });
    const v2 = readSignatures(request({ body }, both)).signatures;
    const v1 = readSignatures(signed).signatures;
    expect(await signatures.consume(key, [])).toBe('fresh');
    expect(await signatures.consume(key, [...v1, ...v2])).toBe('fresh');
    expect(await signatures.consume(key, v2)).toBe('replayed');
    expect(await signatures.consume(key, v1)).toBe('replayed');
    expect(await signatures.consume({ ...key, keyId: 'ak_other' }, v2)).toBe('fresh');
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
