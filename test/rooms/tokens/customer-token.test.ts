import { createLocalJWKSet, jwtVerify, SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CustomerIdentifier, CustomerReference } from '../../../src/identifiers/identifier.ts';
import { uuidTimeMs } from '../../../src/platform/random.ts';
import { createAccessTokens } from '../../../src/tokens/access-token.ts';
import { createAssertionSigner } from '../../../src/tokens/backend-assertion.ts';
import {
  createCustomerTokens,
  type CustomerToken,
  type CustomerTokenRequest,
  type CustomerTokens,
  MAX_CUSTOMER_TOKEN_SECONDS,
} from '../../../src/tokens/customer-token.ts';
import type { SigningAlgorithm } from '../../../src/tokens/signing-key-types.ts';
import { ISSUER, openRooms, type Rooms } from '../fixture.ts';
import { altered } from '../../support/altered-token.ts';
import { signatureTwin, withLowerS } from '../../support/signature-twin.ts';

const ID = 'c1lpcdu3obrwgtjp3esjma6v5577d3yzl4' as CustomerIdentifier;

let rooms: Rooms;
let tokens: CustomerTokens;

const tokensOf = (of: Rooms) =>
  createCustomerTokens({
    rings: of.rings,
    keyring: of.keyring,
    clock: of.clock,
    metrics: of.metrics,
    issuer: ISSUER,
    clockToleranceSeconds: 5,
  });

beforeEach(async () => {
  rooms = await openRooms();
  tokens = tokensOf(rooms);
});
afterEach(() => rooms.close());

function request(changes: Partial<CustomerTokenRequest> = {}): CustomerTokenRequest {
  return {
    customerId: ID,
    reference: 'K-4711' as CustomerReference,
    channel: 'web',
    sid: 'sid-1',
    authTimeMs: rooms.clock.nowMs(),
    lifetimeSeconds: 900,
    ...changes,
  };
}

function verified(token: string, by = tokens): CustomerToken {
  const result = by.verify(token);
  if (!result.ok) throw new Error(result.failure);
  return result.token;
}

/** How often customer tokens were looked at, by what became of it. */
async function counted(): Promise<Record<string, number>> {
  const { values } = await rooms.metrics.verifiedTokens.get();
  const customers = values.filter(({ labels, value }) => labels.kind === 'customer' && value > 0);
  return Object.fromEntries(customers.map(({ labels, value }) => [labels.result, value]));
}

const claimsOf = (token: string) =>
  JSON.parse(Buffer.from(token.split('.')[1] as string, 'base64url').toString()) as Record<string, unknown>;

/** A token signed with the ring's own key: all that can be wrong with it is what it says. */
async function forged(
  claims: Record<string, unknown>,
  header: Record<string, unknown> = {},
): Promise<string> {
  const key = rooms.rings.signer('customer');
  const good = claimsOf(tokens.issue(request()).token);
  const all = Object.fromEntries(
    Object.entries({ ...good, ...claims }).filter(([, value]) => value !== undefined),
  );
  const token = await new SignJWT(all)
    .setProtectedHeader({ alg: key.algorithm, typ: 'customer+jwt', kid: key.kid, ...header })
    .sign(key.privateKey);
  return withLowerS(token);
}

describe('a customer token', () => {
  it('has one spelling: the same signature with the other value of s is refused', () => {
    for (let i = 0; i < 50; i++) {
      const { token } = tokens.issue(request());
      expect(tokens.verify(token)).toMatchObject({ ok: true });
      expect(tokens.verify(signatureTwin(token))).toEqual({ ok: false, failure: 'invalid' });
    }
  });

  it.each<SigningAlgorithm>(['ES256', 'EdDSA', 'RS256'])(
    'of %s is one that jose verifies with the published key set alone',
    async (algorithm) => {
      const own = await openRooms({ algorithm });
      const issued = tokensOf(own).issue({ ...request(), authTimeMs: own.clock.nowMs() - 5_000 });
      const { payload, protectedHeader } = await jwtVerify(
        issued.token,
        createLocalJWKSet(own.rings.keySet()),
        { issuer: ISSUER, audience: 'web', typ: 'customer+jwt', currentDate: new Date(own.clock.nowMs()) },
      );
      expect(protectedHeader).toEqual({
        alg: algorithm,
        typ: 'customer+jwt',
        kid: own.rings.signer('customer').kid,
      });
      const nowSeconds = own.clock.nowMs() / 1000;
      expect(payload).toEqual({
        iss: ISSUER,
        aud: 'web',
        sub: ID,
        iat: nowSeconds,
        exp: nowSeconds + 900,
        jti: expect.any(String) as unknown,
        sid: 'sid-1',
        auth_time: nowSeconds - 5,
        ref: expect.any(String) as unknown,
      });
      expect(issued).toMatchObject({ issuedAtMs: own.clock.nowMs(), expiresInSeconds: 900 });
      expect(uuidTimeMs(payload.jti as string)).toBe(own.clock.nowMs());
      expect(verified(issued.token, tokensOf(own))).toMatchObject({
        customerId: ID,
        channel: 'web',
        sid: 'sid-1',
      });
      await own.close();
    },
  );

  it('gives back the reference to us and shows it to nobody else', () => {
    const reference = 'kundin.müller@mail.example' as CustomerReference;
    const { token } = tokens.issue(request({ reference }));
    expect(tokens.openReference(verified(token))).toBe(reference);
    const readable = token
      .split('.')
      .slice(0, 2)
      .map((part) => Buffer.from(part, 'base64url').toString('latin1'));
    const sealed = Buffer.from(String(claimsOf(token)['ref']).slice(2), 'base64url').toString('latin1');
    for (const text of [...readable, sealed]) {
      for (const piece of ['müller', 'ller', 'kundin', 'mail.example']) expect(text).not.toContain(piece);
    }
  });

  it('is as long for a short reference as for a long one of the same bucket', () => {
    const lengths = Array.from(
      { length: 58 },
      (_, n) => tokens.issue(request({ reference: 'x'.repeat(n + 1) as CustomerReference })).token.length,
    );
    expect(new Set(lengths).size).toBe(1);
    const buckets = Array.from(
      { length: 255 },
      (_, n) => tokens.issue(request({ reference: 'x'.repeat(n + 1) as CustomerReference })).token.length,
    );
    expect(new Set(buckets).size).toBe(5);
  });

  it('keeps the moment of the sign-in to the millisecond', () => {
    const ends = Array.from({ length: 20 }, (_, n) => 1_790_000_000_000 - n * 137);
    for (const authTimeMs of ends) {
      const { token } = tokens.issue(request({ authTimeMs }));
      expect(tokens.authenticatedAtMs(verified(token))).toBe(authTimeMs);
    }
  });

  it('opens the reference only with its own jti and key version', async () => {
    const one = verified(tokens.issue(request()).token);
    const two = verified(tokens.issue(request({ reference: 'K-9' as CustomerReference })).token);
    expect(tokens.openReference({ ...one, sealedReference: two.sealedReference })).toBeUndefined();
    expect(tokens.openReference({ ...one, jti: two.jti })).toBeUndefined();
    await rooms.keyring.rotate('token-reference');
    expect(tokens.openReference(one)).toBe('K-4711');
    const young = verified(tokens.issue(request()).token);
    expect(young.sealedReference).toMatch(/^2\./);
    expect(tokens.openReference(young)).toBe('K-4711');
    for (const broken of [
      '',
      '.',
      '1.',
      '9.AAAA',
      one.sealedReference.replace('1.', '2.'),
      `${one.sealedReference}AA`,
    ]) {
      expect(tokens.openReference({ ...one, sealedReference: broken })).toBeUndefined();
    }
  });

  it('has a sealed reference that never repeats for the same customer', () => {
    const refs = Array.from({ length: 200 }, () => claimsOf(tokens.issue(request()).token)['ref']);
    expect(new Set(refs).size).toBe(200);
  });
});

describe('the time of a customer token', () => {
  it('runs out at exp, to the second, also for a token that was verified before', () => {
    const { token } = tokens.issue(request());
    expect(tokens.verify(token)).toMatchObject({ ok: true });
    rooms.clock.advance(899_999);
    expect(tokens.verify(token)).toMatchObject({ ok: true });
    rooms.clock.advance(1);
    expect(tokens.verify(token)).toMatchObject({ ok: false, failure: 'expired' });
    expect(tokensOf(rooms).verify(token)).toMatchObject({ ok: false, failure: 'expired' });
  });

  it('may be ahead of ours by the tolerance and not more', async () => {
    const now = rooms.clock.nowMs() / 1000;
    const ahead = (seconds: number) => forged({ iat: now + seconds, exp: now + seconds + 60 });
    expect(tokens.verify(await ahead(5))).toMatchObject({ ok: true });
    const early = await ahead(6);
    expect(tokens.verify(early)).toEqual({ ok: false, failure: 'invalid' });
    rooms.clock.advance(1_000);
    expect(tokens.verify(early)).toMatchObject({ ok: true });
  });

  it('is at most eight hours, whatever it says', async () => {
    const now = rooms.clock.nowMs() / 1000;
    const of = (seconds: number) => forged({ iat: now, exp: now + seconds });
    expect(tokens.verify(await of(MAX_CUSTOMER_TOKEN_SECONDS))).toMatchObject({ ok: true });
    expect(tokens.verify(await of(MAX_CUSTOMER_TOKEN_SECONDS + 1))).toMatchObject({ ok: false });
    expect(tokens.verify(await of(0))).toMatchObject({ ok: false });
    expect(tokens.verify(await of(-10))).toMatchObject({ ok: false });
  });
});

describe('a well-signed token is refused', () => {
  it.each<[string, Record<string, unknown>]>([
    ['without exp', { exp: undefined }],
    ['without iat', { iat: undefined }],
    ['without jti', { jti: undefined }],
    ['without sub', { sub: undefined }],
    ['without aud', { aud: undefined }],
    ['without sid', { sid: undefined }],
    ['without auth_time', { auth_time: undefined }],
    ['without ref', { ref: undefined }],
    ['without iss', { iss: undefined }],
    ['of another issuer', { iss: 'https://id.example.com/' }],
    ['with a number for sub', { sub: 42 }],
    ['with a sub that is no identifier', { sub: 'customer 4711' }],
    ['with two audiences', { aud: ['web', 'ios'] }],
    ['with a text for exp', { exp: '1999999999' }],
    ['with a broken exp', { exp: 1_767_226_000.5 }],
    ['with a huge exp', { exp: 1e300 }],
    ['with a text for iat', { iat: '1' }],
    ['with a text for auth_time', { auth_time: '1' }],
    ['with a jti that tells no time', { jti: '0190f3c0-0000-4000-8000-000000000000' }],
    ['with a jti of 65 characters', { jti: 'j'.repeat(65) }],
    ['with nbf', { nbf: 1 }],
  ])('%s', async (_what, claims) => {
    expect(tokens.verify(await forged({}))).toMatchObject({ ok: true });
    expect(tokens.verify(await forged(claims))).toEqual({ ok: false, failure: 'invalid' });
  });

  it.each<[string, Record<string, unknown>]>([
    ['typ JWT', { typ: 'JWT' }],
    ['typ at+jwt', { typ: 'at+jwt' }],
    ['typ in other letters', { typ: 'Customer+JWT' }],
    ['typ with its prefix', { typ: 'application/customer+jwt' }],
    ['an unknown kid', { kid: 'unknown' }],
    ['another alg than the key', { alg: 'ES256', kid: 'x'.repeat(43) }],
  ])('with %s', async (_what, header) => {
    expect(tokens.verify(await forged({}, header))).toEqual({ ok: false, failure: 'invalid' });
  });

  it('when it is of another kind, whoever of us made it', async () => {
    const { rings, clock, metrics } = rooms;
    const access = createAccessTokens({
      rings,
      keyring: rooms.keyring,
      clock,
      metrics,
      issuer: ISSUER,
      lifetimeSeconds: 600,
      clockToleranceSeconds: 5,
    });
    const accessToken = access.issue({ clientId: 'cl_1', partner: 'acme', scopes: [] }).token;
    const assertion = createAssertionSigner({ rings, clock, issuer: ISSUER })({
      audience: 'web',
      customerId: ID,
      reference: 'K-4711',
    });
    const customerToken = tokens.issue(request()).token;
    for (const foreign of [accessToken, assertion])
      expect(tokens.verify(foreign)).toMatchObject({ ok: false });
    for (const foreign of [customerToken, assertion])
      expect(access.verify(foreign)).toMatchObject({ ok: false });
    // The right type and claims under the wrong ring's key.
    const key = rings.signer('access');
    const crossed = await new SignJWT(claimsOf(customerToken))
      .setProtectedHeader({ alg: 'ES256', typ: 'customer+jwt', kid: key.kid })
      .sign(key.privateKey);
    expect(tokens.verify(crossed)).toEqual({ ok: false, failure: 'invalid' });
  });

  it('when it names the key of one ring and is signed by that of another', async () => {
    const signer = rooms.rings.signer('access');
    const token = await new SignJWT(claimsOf(tokens.issue(request()).token))
      .setProtectedHeader({ alg: 'ES256', typ: 'customer+jwt', kid: rooms.rings.signer('customer').kid })
      .sign(signer.privateKey);
    expect(tokens.verify(token)).toEqual({ ok: false, failure: 'invalid' });
  });
});

describe('a changed token', () => {
  it('is refused whichever character of it changed', () => {
    const { token } = tokens.issue(request());
    for (let at = 0; at < token.length; at += 3) {
      expect(tokens.verify(altered(token, at)), `at ${at}`).toMatchObject({ ok: false });
    }
    expect(tokens.verify(token)).toMatchObject({ ok: true });
  });

  it('of another process is refused, too, and the unchanged one is taken: its signature is checked', async () => {
    const { token } = tokensOf(rooms).issue(request());
    expect(tokens.verify(altered(token))).toMatchObject({ ok: false });
    expect(verified(token).customerId).toBe(ID);
    expect(await counted()).toEqual({ refused: 1, verified: 1 });
  });

  it('of this process is refused, and the unchanged one is known again without a check of its signature', async () => {
    const { token } = tokens.issue(request());
    expect(tokens.verify(altered(token))).toMatchObject({ ok: false });
    verified(token);
    verified(token);
    expect(await counted()).toEqual({ refused: 1, own: 1, cached: 1 });
  });

  it('is remembered as refused without crowding out good ones', async () => {
    const { token } = tokens.issue(request());
    verified(token);
    for (let n = 0; n < 3; n++) expect(tokens.verify(altered(token))).toMatchObject({ ok: false });
    expect(await counted()).toEqual({ own: 1, refused: 3 });
    verified(token);
    expect(await counted()).toEqual({ own: 1, refused: 3, cached: 1 });
  });
});
