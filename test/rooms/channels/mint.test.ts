import { execFileSync } from 'node:child_process';
import { createHmac, createPublicKey, X509Certificate } from 'node:crypto';
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkAttributes, checkIdentifier, checkInputs } from '../../../src/channels/channel-proof.ts';
import type { ValueSource } from '../../../src/channels/channel-profile.ts';
import { secretBytes } from '../../../src/channels/shared-secret.ts';
import { createVendorKeys, type PublishedVendorKey } from '../../../src/channels/vendor-keys.ts';
import { CUSTOMER, JWT_PARTS, openMinting, recordOf, SECRET } from './minting.ts';

let t: Awaited<ReturnType<typeof openMinting>>;
beforeAll(async () => {
  t = await openMinting();
});
afterAll(() => t.close());

const HS256 = {
  shape: 'shared_secret_jwt',
  algorithm: 'HS256',
  secretEncoding: 'utf8',
  ...JWT_PARTS,
} as const;
const RS256 = { shape: 'published_key_jwt', algorithm: 'RS256', publish: 'jwks', ...JWT_PARTS } as const;
const certificateOf = (key: PublishedVendorKey | undefined) => Buffer.from(key?.jwk.x5c?.[0] ?? '', 'base64');
const now = () => new Date(t.clock.nowMs());
const withClaims = (claims: Record<string, ValueSource>) => recordOf({ ...HS256, claims });

describe('a JWT under a shared secret', () => {
  it.each([
    ['HS256', 'utf8', SECRET],
    ['HS384', 'hex', '00112233445566778899aabbccddeeff'],
    ['HS512', 'base64', 'q8Jr2ZkW5xVt7Np4Ls6Hd9Fb3Mc1Yg0A+/8='],
  ] as const)(
    'under %s with a secret written as %s is verified by another library',
    async (algorithm, secretEncoding, secret) => {
      const minted = await t.mint(recordOf({ ...HS256, algorithm, secretEncoding }), {
        settings: { secret },
      });
      const { payload, protectedHeader } = await jwtVerify(
        minted.token,
        Buffer.from(secret, secretEncoding),
        {
          algorithms: [algorithm],
          currentDate: now(),
        },
      );
      expect(protectedHeader).toEqual({ alg: algorithm, typ: 'JWT' });
      expect(payload.sub).toBe(CUSTOMER);
      expect(minted.kind).toBe('jwt');
    },
  );

  it('is taken by a vendor whose clock runs half a minute behind, and holds no nbf', async () => {
    const { token } = await t.mint(recordOf(HS256));
    const behind = new Date(t.clock.nowMs() - 30_000);
    const { payload } = await jwtVerify(token, Buffer.from(SECRET), { currentDate: behind });
    expect(payload.iat).toBeLessThanOrEqual(behind.getTime() / 1000);
    expect(payload.nbf).toBeUndefined();
  });

  it('never lives longer than the cap, counted from iat, and says its true rest', async () => {
    const minted = await t.mint(recordOf(HS256), { lifetimeSeconds: 86_400 });
    const { exp = 0, iat = 0 } = decodeJwt(minted.token);
    expect(exp - iat).toBe(600);
    expect(minted.expiresInSeconds).toBe(exp - Math.floor(t.clock.nowMs() / 1000));
    expect(Number.isInteger(exp) && Number.isInteger(iat)).toBe(true);
  });

  it('is not given out when it would be larger than the vendor takes', async () => {
    const small = recordOf({ ...HS256, maxTokenBytes: 100 });
    await expect(t.mint(small)).rejects.toMatchObject({
      code: 'CHANNEL_VALUE_NOT_ALLOWED',
      details: { member: 'token' },
    });
  });

  it.each<[string, ValueSource]>([
    ['sub', { constant: 4711 }],
    ['iss', { constant: true }],
    ['jti', { object: {} }],
    ['exp', { constant: '1900000000' }],
    ['exp', { constant: 1_900_000_000.5 }],
    ['iat', { constant: null }],
    ['nbf', { from: 'expires_at' }],
  ])('with a claim %s of the wrong kind cannot be signed', async (member, source) => {
    const record = withClaims({ ...JWT_PARTS.claims, [member]: source });
    await expect(t.mint(record)).rejects.toMatchObject({
      code: 'CHANNEL_VALUE_NOT_ALLOWED',
      details: { member },
    });
  });

  it('without an attribute that it needs is not made, and the attribute is named', async () => {
    const record = withClaims({ email: { from: 'attribute', name: 'email', required: true } });
    await expect(t.mint(record)).rejects.toMatchObject({
      code: 'CHANNEL_ATTRIBUTE_MISSING',
      details: { attribute: 'email' },
    });
  });
});

describe('a JWT under our published key', () => {
  it('is verified with the key set, the PEM and the certificate', async () => {
    const { token } = await t.mint(recordOf(RS256), { settings: {} });
    const { kid } = decodeProtectedHeader(token);
    await jwtVerify(token, createLocalJWKSet(t.rings.keySet()), {
      algorithms: ['RS256'],
      currentDate: now(),
    });
    const key = createVendorKeys(t.rings).find(kid as string);
    await jwtVerify(token, createPublicKey(key?.pem ?? ''), { currentDate: now() });
    const der = certificateOf(key);
    const certificate = new X509Certificate(der);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.publicKey.export({ format: 'pem', type: 'spki' })).toBe(key?.pem);
    expect(
      Object.keys(key?.jwk ?? {}).filter((name) => ['d', 'p', 'q', 'dp', 'dq', 'qi'].includes(name)),
    ).toEqual([]);
  });

  it('has a certificate that openssl reads', async () => {
    const key = await createVendorKeys(t.rings).ensureCurrent();
    const input = certificateOf(key);
    const text = execFileSync('openssl', ['x509', '-inform', 'der', '-noout', '-subject', '-pubkey'], {
      input,
    });
    expect(text.toString()).toContain(key?.pem.trim());
  });

  it('under RS512 is verified with the same key', async () => {
    const { token } = await t.mint(recordOf({ ...RS256, algorithm: 'RS512' }), { settings: {} });
    const key = await createVendorKeys(t.rings).ensureCurrent();
    const verified = await jwtVerify(token, createPublicKey(key?.pem ?? ''), {
      algorithms: ['RS512'],
      currentDate: now(),
    });
    expect(verified.payload.sub).toBe(CUSTOMER);
  });

  it('goes on being signed by the old key until a new one has been published long enough', async () => {
    const before = decodeProtectedHeader((await t.mint(recordOf(RS256), { settings: {} })).token).kid;
    const kid = await t.rings.rotate('vendor', {
      emergency: false,
      audit: () => t.audit.record('signing_key.added', { outcome: 'success', actor: 'system' }),
    });
    expect(createVendorKeys(t.rings).find(kid)).toBeDefined();
    expect(decodeProtectedHeader((await t.mint(recordOf(RS256), { settings: {} })).token).kid).toBe(before);
    t.clock.advance(661_000);
    const after = await t.mint(recordOf(RS256), { settings: {} });
    expect(decodeProtectedHeader(after.token).kid).toBe(kid);
    await jwtVerify(after.token, createLocalJWKSet(t.rings.keySet()), { currentDate: now() });
    expect(createVendorKeys(t.rings).find(before as string)).toBeDefined();
  });
});

describe('an HMAC', () => {
  it('is lower-case hex of what the record says, under the decoded secret', async () => {
    const secret = 'A0b1C2d3E4f5a6B7c8D9';
    const record = recordOf({ shape: 'hmac', message: { from: 'identifier' }, secretEncoding: 'hex' });
    const { token, kind } = await t.mint(record, { settings: { secret } });
    expect(kind).toBe('hmac');
    expect(token).toBe(createHmac('sha256', Buffer.from(secret, 'hex')).update(CUSTOMER).digest('hex'));
    const openssl = execFileSync(
      'openssl',
      ['dgst', '-sha256', '-mac', 'HMAC', '-macopt', `hexkey:${secret}`, '-r'],
      {
        input: CUSTOMER,
      },
    );
    expect(openssl.toString().split(' ')[0]).toBe(token);
  });

  it('is not made over anything but text', async () => {
    for (const message of [{ constant: 7 }, { constant: '' }, { object: {} }] as ValueSource[]) {
      const record = recordOf({ shape: 'hmac', message, secretEncoding: 'utf8' });
      await expect(t.mint(record)).rejects.toMatchObject({ code: 'CHANNEL_VALUE_NOT_ALLOWED' });
    }
  });
});

it('our own customer token passes through with the life of the channel', async () => {
  const record = recordOf(
    { shape: 'pass_through' },
    {
      web: {
        adapter: 'a',
        style: 'pull',
        members: { Auth: { object: { Token: { from: 'proof' } } } },
        snippet: '',
        logoutOrder: [],
      },
    },
  );
  const minted = await t.mint(record, { settings: {} });
  expect(minted.web).toEqual({ Auth: { Token: minted.token } });
  const { payload } = await jwtVerify(minted.token, createLocalJWKSet(t.rings.keySet()), {
    currentDate: now(),
  });
  expect(payload).toMatchObject({ aud: 'help', sub: CUSTOMER });
  expect(minted.expiresInSeconds).toBe(900);
});

it('a code of our OpenID provider is asked for with what the vendor brought, and handed on in its spelling', async () => {
  const asked: unknown[] = [];
  const minting = await openMinting({
    issueVendorCode: async (request) => {
      const { client, ownVerifier, codeChallenge } = request;
      asked.push({ client, ownVerifier, codeChallenge, nonce: request.nonce });
      const { nonce } = request;
      return {
        code: 'code-1',
        redirectUri: 'https://vendor.test/cb',
        codeVerifier: 'v',
        issuer: 'https://id.test',
        expiresInSeconds: 60,
        ...(nonce === undefined ? {} : { nonce }),
      };
    },
  });
  const members: Record<string, ValueSource> = {
    authCode: { from: 'proof' },
    redirectUri: { from: 'code', part: 'redirect_uri' },
    codeVerifier: { from: 'code', part: 'code_verifier' },
    iss: { from: 'code', part: 'issuer' },
    nonce: { from: 'code', part: 'nonce' },
  };
  const web = { adapter: 'a', style: 'pull', members, snippet: '', logoutOrder: [] } as const;
  const ours = recordOf({ shape: 'oidc_code', codeChallenge: 'ours' }, { web });
  const minted = await minting.mint(ours, { settings: {}, client: 'genesys-1' });
  expect(minted).toMatchObject({ kind: 'opaque', token: 'code-1', expiresInSeconds: 60 });
  expect(minted.web).toEqual({
    authCode: 'code-1',
    redirectUri: 'https://vendor.test/cb',
    codeVerifier: 'v',
    iss: 'https://id.test',
  });
  const vendors = recordOf({ shape: 'oidc_code', codeChallenge: 'vendors' }, { web });
  await minting.mint(vendors, { settings: {}, client: 'lp-1', inputs: { code_challenge: 'ch', nonce: 'n' } });
  expect(asked).toMatchObject([
    { client: 'genesys-1', ownVerifier: true, codeChallenge: undefined },
    { client: 'lp-1', ownVerifier: false, codeChallenge: 'ch', nonce: 'n' },
  ]);
  await minting.close();
});

describe('what goes into a proof', () => {
  const profile = recordOf(HS256, {
    attributes: {
      email: { type: 'string', personal: true, required: false, maxLength: 20, meaning: 'mail' },
      verified: { type: 'boolean', personal: false, required: false, meaning: 'whether it is verified' },
      tier: { type: 'integer', personal: false, required: true, meaning: 'tier' },
    },
    inputs: { uuid: { pattern: /[0-9a-f]{4}|none/, required: true, meaning: 'visitor' } },
    identifier: { is: 'opaque', field: 'sub', maxLength: 34, pattern: /[a-z0-9]+/ },
  });
  const all = new Set(['email']);

  it('holds personal data only when the configuration names it', () => {
    const given = { email: 'mira@example.com', tier: 1 };
    expect(checkAttributes({ profile, allowedPersonalData: all }, given).attributes).toEqual(given);
    expect(checkAttributes({ profile, allowedPersonalData: new Set() }, given)).toEqual({
      attributes: { tier: 1 },
      leftOut: ['email'],
    });
  });

  it('leaves out what does not fit, and refuses what it cannot do without', () => {
    const unfit = { email: 'x'.repeat(21), verified: 'true', tier: 2 };
    expect(checkAttributes({ profile, allowedPersonalData: all }, unfit)).toEqual({
      attributes: { tier: 2 },
      leftOut: ['email', 'verified'],
    });
    const check = (tier: unknown) => () => checkAttributes({ profile, allowedPersonalData: all }, { tier });
    expect(check('2')).toThrow(expect.objectContaining({ code: 'CHANNEL_VALUE_NOT_ALLOWED' }));
    expect(check(2.5)).toThrow(expect.objectContaining({ code: 'CHANNEL_VALUE_NOT_ALLOWED' }));
    expect(check(undefined)).toThrow(expect.objectContaining({ code: 'CHANNEL_ATTRIBUTE_MISSING' }));
    expect(check(null)).toThrow(expect.objectContaining({ code: 'CHANNEL_ATTRIBUTE_MISSING' }));
  });

  it('takes inputs as whole matches alone, and none that the record does not know', () => {
    expect(checkInputs(profile, { uuid: 'ab12' })).toEqual({ uuid: 'ab12' });
    for (const input of [
      {},
      { uuid: 'ab12\nnone' },
      { uuid: 'xnone' },
      { uuid: 7 },
      { uuid: 'none', more: 'x' },
      { uuid: 'none', __proto__x: '' },
    ]) {
      expect(() => checkInputs(profile, input)).toThrow(expect.objectContaining({ code: 'INVALID_REQUEST' }));
    }
  });

  it('has an identifier that meets the rule of the vendor', () => {
    expect(() => checkIdentifier(profile, CUSTOMER)).not.toThrow();
    for (const value of [`${CUSTOMER}x`, 'c1-', 'c1\n']) {
      expect(() => checkIdentifier(profile, value)).toThrow(
        expect.objectContaining({ code: 'CHANNEL_VALUE_NOT_ALLOWED' }),
      );
    }
  });
});

it('a secret that is not written as its encoding says is not read', () => {
  expect(secretBytes('abc', 'hex')).toBeUndefined();
  expect(secretBytes('zz', 'hex')).toBeUndefined();
  expect(secretBytes('not base64!', 'base64')).toBeUndefined();
  expect(secretBytes(' padded', 'utf8')).toBeUndefined();
  expect(secretBytes('q83vEjRWeJA', 'base64')?.toString('hex')).toBe('abcdef1234567890');
  expect(secretBytes('q83vEjRWeJA=', 'base64')?.toString('hex')).toBe('abcdef1234567890');
});
