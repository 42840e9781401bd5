import { createHash } from 'node:crypto';
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CustomerIdentifier } from '../../../src/identifiers/identifier.ts';
import { createIdTokens, type IdTokenRequest } from '../../../src/tokens/id-token.ts';
import type { SigningAlgorithm } from '../../../src/tokens/signing-key-types.ts';
import { signJws } from '../../../src/tokens/jws.ts';
import { openSigningRings } from '../../../src/tokens/signing-rings.ts';
import { ADMIN, ISSUER, MAX_TOKEN_SECONDS, openRooms, type Rooms } from '../fixture.ts';

let rooms: Rooms;
beforeEach(async () => {
  rooms = await openRooms();
});
afterEach(() => rooms.close());

async function open(algorithm: SigningAlgorithm) {
  const rings = await openSigningRings({
    store: rooms.stores.signingKeys,
    keyring: rooms.keyring,
    clock: rooms.clock,
    algorithm: 'ES256',
    algorithms: { id: algorithm },
    maxTokenLifetimeSeconds: MAX_TOKEN_SECONDS,
  });
  const idTokens = createIdTokens({
    rings,
    clock: rooms.clock,
    issuer: ISSUER,
    lifetimeSeconds: 900,
    algorithm,
  });
  return { rings, idTokens };
}

const request = (change: Partial<IdTokenRequest> = {}): IdTokenRequest => ({
  clientId: 'cl_1',
  customerId: 'c1lpcdu3obrwgtjp3esjma6v5577d3yzl4' as CustomerIdentifier,
  authTimeMs: rooms.clock.nowMs(),
  sid: 'sid-1',
  accessToken: 'an.access.token',
  claims: {},
  notAfterMs: rooms.clock.nowMs() + 3_600_000,
  ...change,
});
const seconds = () => Math.floor(rooms.clock.nowMs() / 1000);

describe('an ID token', () => {
  it.each([
    ['RS256', 'sha256', 16],
    ['ES256', 'sha256', 16],
    ['EdDSA', 'sha512', 32],
  ] as const)(
    'is verified by an independent library under %s, and names the access token beside it',
    async (...row) => {
      const [algorithm, digest, bytes] = row;
      const { rings, idTokens } = await open(algorithm);
      expect(idTokens.algorithms()).toEqual([algorithm]);
      const token = await idTokens.issue(request());
      expect(idTokens.algorithms()).toEqual([algorithm]);
      const { payload } = await jwtVerify(token, createLocalJWKSet(rings.keySet()), {
        issuer: ISSUER,
        audience: 'cl_1',
        algorithms: [algorithm],
        currentDate: new Date(rooms.clock.nowMs()),
      });
      const whole = createHash(digest).update('an.access.token').digest();
      expect(payload['at_hash']).toBe(whole.subarray(0, bytes).toString('base64url'));
    },
  );

  it('keeps its own claims, whatever a profile calls its fields', async () => {
    const { idTokens } = await open('ES256');
    const claims = {
      sub: 'evil',
      aud: 'evil',
      exp: 1,
      nonce: 'evil',
      azp: 'evil',
      acr: 'evil',
      email: 'mail',
    };
    const told = decodeJwt(await idTokens.issue(request({ claims })));
    expect(JSON.stringify(told)).not.toContain('evil');
    expect(told).toMatchObject({ email: 'mail', exp: seconds() + 900 });
    expect(told).not.toHaveProperty('nonce');
  });

  it('says of a test customer that it is about one, whatever a profile says, and of nobody else', async () => {
    const { idTokens } = await open('ES256');
    const customerId = `t1${'a'.repeat(32)}` as CustomerIdentifier;
    const claims = { test: false };
    expect(decodeJwt(await idTokens.issue(request({ customerId, claims })))).toMatchObject({ test: true });
    expect(decodeJwt(await idTokens.issue(request({ claims: { test: true } })))).not.toHaveProperty('test');
  });

  it('states one moment of the sign-in always, and is from a few seconds ago but never from before it', async () => {
    const { idTokens } = await open('ES256');
    const signedIn = request();
    const authTime = seconds();
    for (const [waitMs, age] of [
      [0, 0],
      [3_000, 3],
      [57_000, 5],
    ] as const) {
      rooms.clock.advance(waitMs);
      const told = decodeJwt(await idTokens.issue(signedIn));
      expect(told).toMatchObject({ iat: seconds() - age, auth_time: authTime });
      expect(told).not.toHaveProperty('nbf');
    }
  });

  it('lives no less where the process that signed the customer in is ahead', async () => {
    const { idTokens } = await open('ES256');
    const nowMs = rooms.clock.nowMs();
    const { iat, exp, auth_time } = decodeJwt(
      await idTokens.issue(request({ authTimeMs: nowMs + 2_000, notAfterMs: nowMs })),
    );
    expect([iat, auth_time, exp]).toEqual([seconds() + 2, seconds() + 2, seconds() + 3]);
  });

  it('that its own client brings back names its customer, expired or not', async () => {
    const { idTokens } = await open('ES256');
    const token = await idTokens.issue(request());
    rooms.clock.advance(30 * 86_400_000);
    expect(await idTokens.subjectOf(token, 'cl_1')).toBe(request().customerId);
    expect(await idTokens.subjectOf(token, 'cl_2')).toBeUndefined();
  });

  it('names nobody unless this service signed it as an ID token, with a key that still counts', async () => {
    const { rings, idTokens } = await open('ES256');
    const token = await idTokens.issue(request());
    const [header, claims, signature] = token.split('.') as [string, string, string];
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const key = rings.signer('id');
    const otherIssuer = createIdTokens({
      rings,
      clock: rooms.clock,
      issuer: 'https://other.example.com',
      lifetimeSeconds: 900,
      algorithm: 'ES256',
    });
    const elsewhere = await openRooms();
    const { encodedHeader, privateKey } = elsewhere.rings.signer('access');
    const foreign = signJws(encodedHeader('JWT'), decodeJwt(token), 'ES256', privateKey);
    await elsewhere.close();
    const access = rings.signer('access');
    for (const wrong of [
      'junk',
      `${header}.${part({ ...decodeJwt(token), sub: `c1${'a'.repeat(32)}` })}.${signature}`,
      `${part({ alg: 'none', typ: 'JWT' })}.${claims}.`,
      signJws(key.encodedHeader('at+jwt'), decodeJwt(token), 'ES256', key.privateKey),
      signJws(key.encodedHeader('JWT'), { ...decodeJwt(token), sub: 1 }, 'ES256', key.privateKey),
      signJws(access.encodedHeader('JWT'), decodeJwt(token), 'ES256', access.privateKey),
      await otherIssuer.issue(request()),
      foreign,
    ]) {
      expect(await idTokens.subjectOf(wrong, 'cl_1')).toBeUndefined();
    }
    const audit = () => rooms.audit.record('signing_key.added', { ...ADMIN, outcome: 'success' });
    await rings.rotate('id', { emergency: true, audit });
    expect(await idTokens.subjectOf(token, 'cl_1')).toBeUndefined();
  });

  it('ends with what it rests on', async () => {
    const { idTokens } = await open('ES256');
    const short = request({ notAfterMs: rooms.clock.nowMs() + 30_000 });
    expect(decodeJwt(await idTokens.issue(short)).exp).toBe(seconds() + 30);
  });

  it('gives back the nonce and the context that the client asked for, and says nothing where it asked for none', async () => {
    const { idTokens } = await open('ES256');
    expect(decodeJwt(await idTokens.issue(request({ nonce: 'n-1', acr: 'loa1' })))).toMatchObject({
      nonce: 'n-1',
      acr: 'loa1',
    });
    expect(Object.keys(decodeJwt(await idTokens.issue(request()))).sort((a, b) => (a < b ? -1 : 1))).toEqual([
      'at_hash',
      'aud',
      'auth_time',
      'exp',
      'iat',
      'iss',
      'jti',
      'sid',
      'sub',
    ]);
  });

  it('tells when the customer proved who they are', async () => {
    const { idTokens } = await open('ES256');
    const authTimeMs = rooms.clock.nowMs() - 3_600_999;
    expect(decodeJwt(await idTokens.issue(request({ authTimeMs })))['auth_time']).toBe(seconds() - 3_601);
  });

  it('names the session by a name of its own for each client, and by the same one each time', async () => {
    const { idTokens } = await open('ES256');
    const sid = async (change: Partial<IdTokenRequest>) =>
      decodeJwt(await idTokens.issue(request(change)))['sid'];
    const first = await sid({});
    expect(await sid({ nonce: 'n' })).toBe(first);
    expect(first).toMatch(/^[A-Za-z0-9_-]{22}$/);
    const others = [await sid({ clientId: 'cl_2' }), await sid({ sid: 'sid-2' }), 'sid-1'];
    expect(new Set([first, ...others]).size).toBe(4);
  });

  it('lives a second at least, also when what it rests on ends now', async () => {
    const { idTokens } = await open('ES256');
    const over = request({ notAfterMs: rooms.clock.nowMs() - 10_000 });
    expect(decodeJwt(await idTokens.issue(over)).exp).toBe(seconds() + 1);
  });

  it('is signed by a key of its own ring, of a type that none of our verifiers takes', async () => {
    const { rings, idTokens } = await open('ES256');
    await rings.ensure('vendor');
    const { kid, typ } = decodeProtectedHeader(await idTokens.issue(request()));
    expect(typ).toBe('JWT');
    expect(rings.list().find((key) => key.kid === kid)?.ring).toBe('id');
    expect(
      createIdTokens({
        rings,
        clock: rooms.clock,
        issuer: ISSUER,
        lifetimeSeconds: 900,
        algorithm: 'RS256',
      }).algorithms(),
    ).toEqual(['ES256']);
  });
});
