import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StartRefused } from '../../../src/errors.ts';
import { createAccessTokens } from '../../../src/tokens/access-token.ts';
import { KEY_SET_MAX_AGE_SECONDS, openSigningRings } from '../../../src/tokens/signing-rings.ts';
import { RINGS_FROM_START, type SigningRing } from '../../../src/tokens/signing-key-types.ts';
import { ADMIN, ISSUER, MAX_TOKEN_SECONDS, openRooms, type Rooms } from '../fixture.ts';

let rooms: Rooms;
beforeEach(async () => {
  rooms = await openRooms();
});
afterEach(() => rooms.close());

const rotate = (ring: SigningRing, emergency = false) =>
  rooms.rings.rotate(ring, {
    emergency,
    audit: (action, kid) =>
      rooms.audit.record(action === 'added' ? 'signing_key.added' : 'signing_key.revoked', {
        ...ADMIN,
        outcome: 'success',
        details: { kid },
      }),
  });

const openAgain = () =>
  openSigningRings({
    store: rooms.stores.signingKeys,
    keyring: rooms.keyring,
    clock: rooms.clock,
    algorithm: 'ES256',
    maxTokenLifetimeSeconds: MAX_TOKEN_SECONDS,
  });

const accessTokensOf = (rings = rooms.rings) =>
  createAccessTokens({
    rings,
    keyring: rooms.keyring,
    clock: rooms.clock,
    metrics: rooms.metrics,
    issuer: ISSUER,
    lifetimeSeconds: 600,
    clockToleranceSeconds: 5,
  });

const CLIENT = { clientId: 'cl_1', partner: 'acme', scopes: ['profile:read'] };
const stateOf = (kid: string) => rooms.rings.list().find((key) => key.kid === kid)?.state;

describe('the rings', () => {
  it('have a key each from the start, none shared', () => {
    const keys = rooms.rings.list();
    expect(keys.map(({ ring, state }) => [ring, state])).toEqual(
      RINGS_FROM_START.map((ring) => [ring, 'signing']),
    );
    expect(new Set(keys.map(({ kid }) => kid)).size).toBe(RINGS_FROM_START.length);
    for (const key of keys) {
      for (const ring of RINGS_FROM_START) {
        expect(rooms.rings.verifier(ring, key.kid) !== undefined).toBe(ring === key.ring);
      }
    }
  });

  it('publish no private part, and every key with its own kid, alg and use', () => {
    const { keys } = rooms.rings.keySet();
    expect(keys).toHaveLength(RINGS_FROM_START.length);
    for (const key of keys) {
      expect(Object.keys(key).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
      expect(key).toMatchObject({ alg: 'ES256', use: 'sig', kty: 'EC', crv: 'P-256' });
    }
  });

  it('are the same after a restart, and tokens from before it hold', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'symbolon-rings-'));
    const file = join(folder, 'rings.db');
    try {
      const before = await openRooms({ file });
      const keySet = before.rings.keySet();
      const { token } = accessTokensOf(before.rings).issue(CLIENT);
      await before.close();
      const after = await openRooms({ file });
      expect(after.rings.keySet()).toEqual(keySet);
      expect(accessTokensOf(after.rings).verify(token)).toMatchObject({ ok: true });
      await after.close();
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('get one first key when several processes start at once', async () => {
    const fresh = await openRooms();
    await fresh.stores.signingKeys.remove(fresh.rings.list().map(({ kid }) => kid));
    const open = () =>
      openSigningRings({
        store: fresh.stores.signingKeys,
        keyring: fresh.keyring,
        clock: fresh.clock,
        algorithm: 'ES256',
        maxTokenLifetimeSeconds: MAX_TOKEN_SECONDS,
      });
    const [one, two, three] = await Promise.all([open(), open(), open()]);
    expect(one.keySet()).toEqual(two.keySet());
    expect(one.keySet()).toEqual(three.keySet());
    expect(one.list()).toHaveLength(RINGS_FROM_START.length);
    await fresh.close();
  });

  it('refuse the start, by the kid, when a private key does not open', async () => {
    const [stored] = await rooms.stores.signingKeys.list();
    const { kid } = stored as NonNullable<typeof stored>;
    await rooms.stores.signingKeys.remove([kid]);
    const sealedPrivateKey = rooms.keyring.seal('token-signing', Buffer.from('x'), 'another kid');
    await rooms.stores.signingKeys.addFirst({ ...(stored as NonNullable<typeof stored>), sealedPrivateKey });
    const error = await openAgain().catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(StartRefused);
    expect((error as StartRefused).message).toContain(kid);
  });
});

describe('a staged rotation', () => {
  it('publishes, signs, retires and removes each key in this order', async () => {
    const old = rooms.rings.signer('access').kid;
    const young = await rotate('access');
    expect([stateOf(old), stateOf(young)]).toEqual(['signing', 'published']);
    expect(rooms.rings.signer('access').kid).toBe(old);
    rooms.clock.advance((KEY_SET_MAX_AGE_SECONDS + 59) * 1000);
    expect(rooms.rings.signer('access').kid).toBe(old);
    rooms.clock.advance(1_000);
    expect(rooms.rings.signer('access').kid).toBe(young);
    expect([stateOf(old), stateOf(young)]).toEqual(['retiring', 'signing']);
    rooms.clock.advance((MAX_TOKEN_SECONDS.access + 59) * 1000);
    expect(stateOf(old)).toBe('retiring');
    rooms.clock.advance(1_000);
    expect(stateOf(old)).toBe('gone');
    expect(rooms.rings.verifier('access', old)).toBeUndefined();
    expect(rooms.rings.keySet().keys.map(({ kid }) => kid)).not.toContain(old);
    await rooms.rings.refresh();
    expect((await rooms.stores.signingKeys.list()).map(({ kid }) => kid)).not.toContain(old);
    expect(rooms.rings.signer('access').kid).toBe(young);
  });

  it('concerns its own ring alone', async () => {
    const before = rooms.rings.signer('customer').kid;
    await rotate('access');
    rooms.clock.advance(86_400_000);
    expect(rooms.rings.signer('customer').kid).toBe(before);
    expect(stateOf(before)).toBe('signing');
  });

  it('never shows an unknown key to a verifier that caches the key set for ten minutes', async () => {
    const tokens = accessTokensOf();
    const now = () => rooms.clock.nowMs();
    let cached = { set: rooms.rings.keySet(), atMs: now() };
    const alive: { token: string; untilMs: number }[] = [];
    const kids = new Set<string>();
    // Six hours in steps of 97 seconds, a rotation in each of the first five: several keys are under way at once.
    for (let step = 0; step < 220; step++) {
      if (step % 37 === 5) await rotate('access');
      if (now() - cached.atMs >= KEY_SET_MAX_AGE_SECONDS * 1000) {
        cached = { set: rooms.rings.keySet(), atMs: now() };
      }
      const issued = tokens.issue(CLIENT);
      alive.push({ token: issued.token, untilMs: issued.issuedAtMs + issued.expiresInSeconds * 1000 });
      for (const { token, untilMs } of alive.filter((one) => one.untilMs > now()).slice(-8)) {
        const { protectedHeader } = await jwtVerify(token, createLocalJWKSet(cached.set), {
          currentDate: new Date(Math.min(now(), untilMs)),
        });
        kids.add(protectedHeader.kid as string);
        expect(tokens.verify(token)).toMatchObject({ ok: true });
      }
      rooms.clock.advance(97_000);
      if (step % 11 === 0) await rooms.rings.refresh();
    }
    expect(kids.size).toBeGreaterThan(4);
  });

  it('reaches another process with its next refresh, and changes its epoch', async () => {
    const there = await openAgain();
    const { epoch } = there;
    await there.refresh();
    expect(there.epoch).toBe(epoch);
    const young = await rotate('access');
    await there.refresh();
    expect(there.epoch).toBeGreaterThan(epoch);
    expect(there.verifier('access', young)).toBeDefined();
    expect(there.keySet()).toEqual(rooms.rings.keySet());
  });
});

describe('a rotation by age', () => {
  const aged = (maxAgeMs: number) =>
    rooms.rings.rotateAged(
      maxAgeMs,
      (ring) => (action, kid) =>
        rooms.audit.record(action === 'added' ? 'signing_key.added' : 'signing_key.revoked', {
          actor: 'system',
          outcome: 'success',
          details: { ring, kid },
        }),
    );

  it('concerns each ring whose youngest key has signed for so long, once', async () => {
    const dayMs = 86_400_000;
    rooms.clock.advance(dayMs - 1);
    expect(await aged(dayMs)).toEqual([]);
    await rotate('access');
    rooms.clock.advance(1);
    expect(await aged(dayMs)).toEqual(RINGS_FROM_START.filter((ring) => ring !== 'access'));
    expect(await aged(dayMs)).toEqual([]);
    expect(rooms.rings.list()).toHaveLength(2 * RINGS_FROM_START.length);
  });
});

describe('an emergency rotation', () => {
  it('signs with the new key at once and ends every token of the old ones, also remembered ones', async () => {
    const tokens = accessTokensOf();
    const { token } = tokens.issue(CLIENT);
    expect(tokens.verify(token)).toMatchObject({ ok: true });
    await rotate('access');
    const young = await rotate('access', true);
    expect(rooms.rings.signer('access').kid).toBe(young);
    expect(tokens.verify(token)).toEqual({ ok: false, failure: 'invalid' });
    expect(tokens.verify(tokens.issue(CLIENT).token)).toMatchObject({ ok: true });
    expect(rooms.rings.list().filter(({ ring }) => ring === 'access')).toHaveLength(1);
  });

  it('holds after a restart and on another process', async () => {
    const there = await openAgain();
    const { token } = accessTokensOf().issue(CLIENT);
    const tokensThere = accessTokensOf(there);
    expect(tokensThere.verify(token)).toMatchObject({ ok: true });
    await rotate('access', true);
    await there.refresh();
    expect(tokensThere.verify(token)).toMatchObject({ ok: false });
    expect(accessTokensOf(await openAgain()).verify(token)).toMatchObject({ ok: false });
  });

  it('leaves a record of each key in the audit log', async () => {
    const old = rooms.rings.signer('access').kid;
    const young = await rotate('access', true);
    const records = await rooms.audited();
    expect(records.map(({ event, details }) => [event, details?.['kid']])).toEqual([
      ['signing_key.added', young],
      ['signing_key.revoked', old],
    ]);
  });
});

it('private keys stand in the database in no readable form', async () => {
  const dump = JSON.stringify(await rooms.stores.signingKeys.list());
  for (const ring of RINGS_FROM_START) {
    const { d } = rooms.rings.signer(ring).privateKey.export({ format: 'jwk' });
    expect(d).toMatch(/^[A-Za-z0-9_-]{43}$/);
    const bytes = Buffer.from(d as string, 'base64url');
    for (const form of ['base64url', 'base64', 'hex'] as const)
      expect(dump).not.toContain(bytes.toString(form));
  }
});
