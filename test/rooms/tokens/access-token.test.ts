import { createLocalJWKSet, jwtVerify, SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AccessTokens, createAccessTokens } from '../../../src/tokens/access-token.ts';
import { BACKEND_ASSERTION_SECONDS, createAssertionSigner } from '../../../src/tokens/backend-assertion.ts';
import type { CustomerIdentifier, CustomerReference } from '../../../src/identifiers/identifier.ts';
import { ISSUER, openRooms, type Rooms } from '../fixture.ts';
import { withLowerS } from '../../support/signature-twin.ts';

let rooms: Rooms;
let tokens: AccessTokens;
beforeEach(async () => {
  rooms = await openRooms();
  tokens = createAccessTokens({
    rings: rooms.rings,
    keyring: rooms.keyring,
    clock: rooms.clock,
    metrics: rooms.metrics,
    issuer: ISSUER,
    lifetimeSeconds: 600,
    clockToleranceSeconds: 5,
  });
});
afterEach(() => rooms.close());

const issue = () => tokens.issue({ clientId: 'cl_1', partner: 'acme', scopes: ['profile:read', 'whoami'] });

const verifyWithJose = (token: string, typ: string, audience: string) =>
  jwtVerify(token, createLocalJWKSet(rooms.rings.keySet()), {
    issuer: ISSUER,
    audience,
    typ,
    currentDate: new Date(rooms.clock.nowMs()),
  });

describe('an access token', () => {
  it('has the members of RFC 9068 and verifies with jose', async () => {
    const { token, jti } = issue();
    const { payload } = await verifyWithJose(token, 'at+jwt', ISSUER);
    const now = rooms.clock.nowMs() / 1000;
    expect(payload).toEqual({
      iss: ISSUER,
      aud: ISSUER,
      sub: 'cl_1',
      client_id: 'cl_1',
      partner: 'acme',
      scope: 'profile:read whoami',
      iat: now,
      exp: now + 600,
      jti,
    });
    expect(tokens.verify(token)).toMatchObject({
      ok: true,
      token: { clientId: 'cl_1', partner: 'acme', scopes: new Set(['profile:read', 'whoami']) },
    });
  });

  it('says of a test customer that it is about one, and of nobody else', async () => {
    for (const [sub, isTest] of [
      [`t1${'a'.repeat(32)}`, true],
      [`c1${'a'.repeat(32)}`, false],
    ] as const) {
      const customer = {
        customerId: sub as CustomerIdentifier,
        reference: '4711' as CustomerReference,
        channel: 'web',
        grantId: 'grant-1',
        sid: undefined,
        fields: undefined,
      };
      const { token } = tokens.issue({
        clientId: 'cl_1',
        partner: 'acme',
        scopes: ['profile:read'],
        customer,
      });
      const { payload } = await verifyWithJose(token, 'at+jwt', ISSUER);
      expect(payload.test).toBe(isTest ? true : undefined);
    }
  });

  it('is different every time it is asked for', () => {
    expect(issue().token).not.toBe(issue().token);
  });

  it('ends after its life', () => {
    const { token } = issue();
    rooms.clock.advance(600_000);
    expect(tokens.verify(token)).toMatchObject({ ok: false, failure: 'expired' });
  });

  it.each<[string, Record<string, unknown>]>([
    ['another audience', { aud: 'https://other.example' }],
    ['a list of audiences', { aud: [ISSUER] }],
    ['a subject that is not the client', { sub: 'c1lpcdu3obrwgtjp3esjma6v5577d3yzl4' }],
    ['a list of scopes', { scope: ['profile:read'] }],
    ['a number for the partner', { partner: 1 }],
    ['a number for the client', { client_id: 1, sub: 1 }],
    ['a life of more than an hour', { exp: Date.UTC(2026, 0, 1) / 1000 + 3_601 }],
  ])('with %s is refused, although it is well signed', async (_what, claims) => {
    const key = rooms.rings.signer('access');
    const good = JSON.parse(
      Buffer.from(issue().token.split('.')[1] as string, 'base64url').toString(),
    ) as object;
    const sign = async (all: object) =>
      withLowerS(
        await new SignJWT({ ...all })
          .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: key.kid })
          .sign(key.privateKey),
      );
    expect(tokens.verify(await sign(good))).toMatchObject({ ok: true });
    expect(tokens.verify(await sign({ ...good, ...claims }))).toEqual({ ok: false, failure: 'invalid' });
  });
});

it('an assertion to a backend lives one minute and names backend, customer and reference', async () => {
  const token = createAssertionSigner({ rings: rooms.rings, clock: rooms.clock, issuer: ISSUER })({
    audience: 'crm',
    customerId: 'c1lpcdu3obrwgtjp3esjma6v5577d3yzl4',
    reference: 'K-4711',
  });
  const { payload } = await verifyWithJose(token, 'customer-assertion+jwt', 'crm');
  expect(payload).toMatchObject({ sub: 'K-4711', customer_id: 'c1lpcdu3obrwgtjp3esjma6v5577d3yzl4' });
  expect((payload.exp as number) - (payload.iat as number)).toBe(BACKEND_ASSERTION_SECONDS);
});
