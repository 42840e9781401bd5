import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose';
import { afterEach, describe, expect, it } from 'vitest';
import { PUBLIC_URL, startService, type TestService } from '../support/service.ts';

let t: TestService;
afterEach(() => t.dispose());

const start = (algorithm: 'ES256' | 'EdDSA' | 'RS256') =>
  startService({ settings: (all) => ({ ...all, tokens: { algorithm } }) });

async function publishedKeys(): Promise<JSONWebKeySet> {
  return (await t.api.get('/.well-known/jwks.json').expect(200)).body as JSONWebKeySet;
}

/** RFC 9068 section 4, as a resource server that is not ours would do it. */
async function verifyAccessToken(token: string, algorithm: string) {
  return jwtVerify(token, createLocalJWKSet(await publishedKeys()), {
    algorithms: [algorithm],
    typ: 'at+jwt',
    issuer: PUBLIC_URL,
    audience: PUBLIC_URL,
    requiredClaims: ['iss', 'exp', 'aud', 'sub', 'client_id', 'iat', 'jti'],
    currentDate: new Date(t.clock.nowMs()),
  });
}

describe.each(['ES256', 'EdDSA', 'RS256'] as const)(
  'tokens under %s, checked by an independent library',
  (algorithm) => {
    it('are access tokens of RFC 9068', async () => {
      t = await start(algorithm);
      const token = await t.accessToken();
      const { payload, protectedHeader } = await verifyAccessToken(token, algorithm);
      expect(protectedHeader).toMatchObject({ alg: algorithm, typ: 'at+jwt' });
      expect(payload).toMatchObject({
        client_id: t.north.clientId,
        sub: t.north.clientId,
        scope: 'profile:read whoami',
      });
      expect((payload.exp as number) - (payload.iat as number)).toBe(600);
    });

    it('are customer tokens for the channel, which no check for access tokens takes', async () => {
      t = await start(algorithm);
      const { JWT, customer_id } = await t.signIn();
      const keys = createLocalJWKSet(await publishedKeys());
      const options = { algorithms: [algorithm], currentDate: new Date(t.clock.nowMs()), issuer: PUBLIC_URL };
      const { payload } = await jwtVerify(JWT, keys, { ...options, typ: 'customer+jwt', audience: 'ios' });
      expect(payload.sub).toBe(customer_id);
      await expect(verifyAccessToken(JWT, algorithm)).rejects.toThrow('unexpected "typ" JWT header value');
    });
  },
);

describe('the key set', () => {
  it('holds public halves alone, each with its own id, algorithm and use', async () => {
    t = await start('ES256');
    const { keys } = await publishedKeys();
    expect(keys.length).toBeGreaterThanOrEqual(2);
    expect(new Set(keys.map(({ kid }) => kid)).size).toBe(keys.length);
    const idTokenKeys = keys.filter(({ kty }) => kty === 'RSA');
    expect(idTokenKeys).toHaveLength(1);
    for (const key of idTokenKeys) {
      expect(Object.keys(key).sort()).toEqual(['alg', 'e', 'kid', 'kty', 'n', 'use']);
      expect(key).toMatchObject({ alg: 'RS256', use: 'sig' });
    }
    for (const key of keys.filter(({ kty }) => kty !== 'RSA')) {
      expect(Object.keys(key).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
      expect(key).toMatchObject({ kty: 'EC', crv: 'P-256', alg: 'ES256', use: 'sig' });
    }
  });

  it('signs customer and access tokens with different keys', async () => {
    t = await start('ES256');
    const access = decodeProtectedHeader(await t.accessToken()).kid;
    const customer = decodeProtectedHeader((await t.signIn()).JWT).kid;
    expect(access).not.toBe(customer);
  });

  it('never lets a verifier that caches it for ten minutes meet an unknown key', async () => {
    t = await start('ES256');
    const before = await publishedKeys();
    const { body } = await t.admin.post('/admin/signing-keys/rotate').send({ ring: 'access' }).expect(200);
    // Published at once, not used yet.
    expect((await publishedKeys()).keys.map(({ kid }) => kid)).toContain(body.kid);
    const cached = createLocalJWKSet(before);
    t.clock.advance(599_000);
    const token = await t.accessToken();
    await jwtVerify(token, cached, { currentDate: new Date(t.clock.nowMs()) });
    // Later it signs, and what the old key signed is still verified while it lives.
    t.clock.advance(3_600_000);
    const later = await t.accessToken();
    expect(decodeProtectedHeader(later).kid).toBe(body.kid);
    const now = createLocalJWKSet(await publishedKeys());
    await jwtVerify(later, now, { currentDate: new Date(t.clock.nowMs()) });
  });

  it('drops a key at once in an emergency, and its tokens with it', async () => {
    t = await start('ES256');
    const token = await t.accessToken();
    const old = decodeProtectedHeader(token).kid;
    const call = () =>
      t.api.post('/getprofile').set({ authorization: `Bearer ${token}`, 'api-key': t.north.key.publicId });
    expect((await call().expect(401)).body.error.code).toBe('INVALID_CUSTOMER_TOKEN');
    await t.admin.post('/admin/signing-keys/rotate').send({ ring: 'access', emergency: true }).expect(200);
    expect((await publishedKeys()).keys.map(({ kid }) => kid)).not.toContain(old);
    expect((await call().expect(401)).body.error.code).toBe('INVALID_ACCESS_TOKEN');
    expect(decodeProtectedHeader(await t.accessToken()).kid).not.toBe(old);
  });
});
