import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CustomerIdentifier, CustomerReference } from '../../../src/identifiers/identifier.ts';
import type { Keyring } from '../../../src/keyring/keyring.ts';
import { createAssertionSigner } from '../../../src/tokens/backend-assertion.ts';
import {
  createCustomerTokens,
  type CustomerToken,
  type CustomerTokenRequest,
  type CustomerTokens,
  LONGEST_SHOWN_SECONDS,
  MAX_CUSTOMER_TOKEN_SECONDS,
} from '../../../src/tokens/customer-token.ts';
import { signJws } from '../../../src/tokens/jws.ts';
import { createReferenceSeal } from '../../../src/tokens/reference-seal.ts';
import { altered } from '../../support/altered-token.ts';
import { ISSUER, openRooms, type Rooms } from '../fixture.ts';

const ID = `c1${'a'.repeat(32)}` as CustomerIdentifier;

let rooms: Rooms;
let tokens: CustomerTokens;
let looks: number;

/** A keyring that counts how often a sealed reference is opened. */
const counting = (keyring: Keyring): Keyring => ({
  ...keyring,
  all: (purpose) => {
    if (purpose === 'token-reference') looks += 1;
    return keyring.all(purpose);
  },
});

beforeEach(async () => {
  rooms = await openRooms();
  looks = 0;
  const { rings, keyring, clock, metrics } = rooms;
  tokens = createCustomerTokens({
    rings,
    keyring: counting(keyring),
    clock,
    metrics,
    issuer: ISSUER,
    clockToleranceSeconds: 5,
  });
});
afterEach(() => rooms.close());

const issue = (change: Partial<CustomerTokenRequest> = {}) =>
  tokens.issue({
    customerId: ID,
    reference: '4711' as CustomerReference,
    channel: 'web',
    sid: 'sid-1',
    authTimeMs: rooms.clock.nowMs(),
    lifetimeSeconds: 900,
    ...change,
  });
const verified = (token: string): CustomerToken => {
  const found = tokens.verify(token);
  if (!found.ok) throw new Error(found.failure);
  return found.token;
};
const claimsOf = (token: string) =>
  JSON.parse(Buffer.from(token.split('.')[1] as string, 'base64url').toString()) as Record<string, unknown>;
/** A token of ours with other claims, signed by the right key. */
const forged = (change: Record<string, unknown>) => {
  const key = rooms.rings.signer('customer');
  const claims = JSON.parse(JSON.stringify({ ...claimsOf(issue().token), ...change })) as object;
  return signJws(key.encodedHeader('customer+jwt'), claims, key.algorithm, key.privateKey);
};

describe('a customer token', () => {
  it('ends no later than what it rests on, and a second from now at the earliest', () => {
    const nowMs = rooms.clock.nowMs();
    expect(issue().expiresInSeconds).toBe(900);
    expect(issue({ notAfterMs: nowMs + 60_999 }).expiresInSeconds).toBe(60);
    expect(issue({ notAfterMs: nowMs + 3_600_000 }).expiresInSeconds).toBe(900);
    expect(issue({ notAfterMs: nowMs - 5_000 }).expiresInSeconds).toBe(1);
    const { exp, iat } = claimsOf(issue({ notAfterMs: nowMs + 60_999 }).token);
    expect((exp as number) - (iat as number)).toBe(60);
  });

  it('of a test customer says so, and no other does', () => {
    expect(claimsOf(issue({ customerId: `t1${'a'.repeat(32)}` as CustomerIdentifier }).token)['test']).toBe(
      true,
    );
    expect(claimsOf(issue().token)).not.toHaveProperty('test');
  });

  it('keeps the moment of the sign-in to the millisecond, and only we can read it', () => {
    for (const beyond of [0, 7, 42, 999]) {
      const authTimeMs = Math.floor(rooms.clock.nowMs() / 1000) * 1000 - 60_000 + beyond;
      const { token } = issue({ authTimeMs });
      expect(claimsOf(token)['auth_time']).toBe(Math.floor(authTimeMs / 1000));
      expect(tokens.authenticatedAtMs(verified(token))).toBe(authTimeMs);
    }
  });

  it.each(['', '12', '1234', 'x12', '12x', '1.5'])(
    'that keeps %j in the place of the milliseconds goes by the moment of its issue',
    (note) => {
      const { jti } = claimsOf(issue().token) as { jti: string };
      const ref = createReferenceSeal(rooms.keyring).seal(
        { reference: '4711' as CustomerReference, note },
        jti,
      );
      const token = verified(forged({ jti, ref, auth_time: 1 }));
      expect(tokens.authenticatedAtMs(token)).toBe(token.issuedAtMs);
    },
  );

  it('whose reference was sealed for another token opens nothing, and its sign-in is its issue', () => {
    const { ref } = claimsOf(issue().token) as { ref: string };
    const token = verified(forged({ ref }));
    const other = verified(forged({ jti: claimsOf(issue().token)['jti'], ref }));
    expect(tokens.openReference(other)).toBeUndefined();
    expect(tokens.openReference(other)).toBeUndefined();
    expect(tokens.authenticatedAtMs(other)).toBe(other.issuedAtMs);
    expect(tokens.openReference(token)).toBeUndefined();
  });

  it('in use is opened once', () => {
    const token = verified(issue().token);
    looks = 0;
    for (let i = 0; i < 3; i++) expect(tokens.openReference(token)).toBe('4711');
    expect(looks).toBe(1);
  });

  it.each<[string, Record<string, unknown>]>([
    ['a number for the customer', { sub: 1 }],
    ['no customer', { sub: undefined }],
    ['a number for the channel', { aud: 1 }],
    ['a number for the session', { sid: 1 }],
    ['text for the moment of the sign-in', { auth_time: '1' }],
    ['a fraction for the moment of the sign-in', { auth_time: 1.5 }],
    ['a number for the reference', { ref: 1 }],
    ['an empty id', { jti: '' }],
    ['an id of 65 characters', { jti: 'j'.repeat(65) }],
    ['an id that tells no time', { jti: 'j'.repeat(36) }],
    ['a number for an id', { jti: 1 }],
    ['an end before its beginning', { exp: 1, iat: 2 }],
    ['an end at its beginning', { exp: 1_767_225_600, iat: 1_767_225_600 }],
    ['a beginning that it waits for', { nbf: 1 }],
  ])('with %s is refused, although it is well signed', (_what, claims) => {
    expect(tokens.verify(forged({}))).toMatchObject({ ok: true });
    expect(tokens.verify(forged(claims))).toEqual({ ok: false, failure: 'invalid' });
  });

  it('can be shown for its life, for as long as a late proof is taken, and an hour beside', () => {
    expect(LONGEST_SHOWN_SECONDS).toBeGreaterThan(MAX_CUSTOMER_TOKEN_SECONDS + 3_600);
  });

  it('with a wrong signature costs one check, however often it comes back', async () => {
    const { token } = issue();
    const wrong = altered(token);
    for (let i = 0; i < 3; i++) expect(tokens.verify(wrong).ok).toBe(false);
    for (let i = 0; i < 2; i++) expect(tokens.verify(token).ok).toBe(true);
    const text = await rooms.metrics.registry.metrics();
    const counted = (result: string) =>
      Number(
        new RegExp(
          `symbolon_token_verifications_total\\{[^}]*kind="customer"[^}]*result="${result}"[^}]*\\} (\\d+)`,
        ).exec(text)?.[1] ?? 0,
      );
    expect([counted('own'), counted('cached'), counted('refused')]).toEqual([1, 1, 3]);
  });
});

it('an assertion to a backend begins now', () => {
  const sign = createAssertionSigner({ rings: rooms.rings, clock: rooms.clock, issuer: ISSUER });
  const claims = claimsOf(sign({ audience: 'crm', customerId: ID, reference: '4711' }));
  expect(claims).toMatchObject({ iss: ISSUER, aud: 'crm', iat: Math.floor(rooms.clock.nowMs() / 1000) });
});
