import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CustomerIdentifier, CustomerReference } from '../../../src/identifiers/identifier.ts';
import {
  type AccessTokenRequest,
  type AccessTokens,
  createAccessTokens,
} from '../../../src/tokens/access-token.ts';
import { withOtherNames } from '../../../src/tokens/families-of-merged.ts';
import { createReferenceSeal } from '../../../src/tokens/reference-seal.ts';
import type { RefreshFamilies } from '../../../src/tokens/refresh-families.ts';
import { signJws } from '../../../src/tokens/jws.ts';
import { ISSUER, openRooms, type Rooms } from '../fixture.ts';

let rooms: Rooms;
let tokens: AccessTokens;
beforeEach(async () => {
  rooms = await openRooms();
  const { rings, keyring, clock, metrics } = rooms;
  tokens = createAccessTokens({
    rings,
    keyring,
    clock,
    metrics,
    issuer: ISSUER,
    lifetimeSeconds: 600,
    clockToleranceSeconds: 5,
  });
});
afterEach(() => rooms.close());

const CUSTOMER = `c1${'a'.repeat(32)}` as CustomerIdentifier;
const customer: NonNullable<AccessTokenRequest['customer']> = {
  customerId: CUSTOMER,
  channel: 'web',
  grantId: 'grant-1',
  sid: 'session-1',
  reference: '4711' as CustomerReference,
  fields: ['plan', 'balance'],
};
const issue = (change: Partial<typeof customer> = {}, more: Partial<AccessTokenRequest> = {}) =>
  tokens.issue({
    clientId: 'cl_1',
    partner: 'acme',
    scopes: ['profile:read'],
    customer: { ...customer, ...change },
    ...more,
  });
const claimsOf = (token: string) =>
  JSON.parse(Buffer.from(token.split('.')[1] as string, 'base64url').toString()) as Record<string, unknown>;
const verified = (token: string) => {
  const found = tokens.verify(token);
  if (!found.ok) throw new Error('refused');
  return found.token;
};
/** A token of ours with other claims, signed by the right key. */
const forged = (change: Record<string, unknown>) => {
  const key = rooms.rings.signer('access');
  const claims = JSON.parse(JSON.stringify({ ...claimsOf(issue().token), ...change })) as object;
  return signJws(key.encodedHeader('at+jwt'), claims, key.algorithm, key.privateKey);
};

describe('an access token about a customer', () => {
  it('names the customer, channel and grant, and only we can read session, reference and agreement', () => {
    const { token } = issue();
    expect(claimsOf(token)).toMatchObject({
      sub: CUSTOMER,
      client_id: 'cl_1',
      channel: 'web',
      gid: 'grant-1',
    });
    expect(JSON.stringify(claimsOf(token))).not.toMatch(/session-1|\b4711\b|plan|balance/);
    const read = verified(token);
    expect(read.customer).toMatchObject({
      customerId: CUSTOMER,
      channel: 'web',
      grantId: 'grant-1',
      sid: 'session-1',
    });
    expect(read.scopes).toEqual(new Set(['profile:read']));
    const opened = tokens.openCustomer(read);
    expect(opened?.reference).toBe('4711');
    expect(tokens.openCustomer(read)).toBe(opened);
  });

  it('says which fields the customer agreed to, and of no others', () => {
    const opened = tokens.openCustomer(verified(issue().token));
    expect(['plan', 'balance', 'iban', ''].map((field) => opened?.agreedTo(field))).toEqual([
      true,
      true,
      false,
      false,
    ]);
    const none = tokens.openCustomer(verified(issue({ fields: [] }).token));
    expect(none?.agreedTo('plan')).toBe(false);
    const notForThem = tokens.openCustomer(verified(issue({ fields: undefined }).token));
    expect(notForThem?.agreedTo('plan')).toBe(true);
  });

  it('may be of no session', () => {
    const { token } = issue({ sid: undefined });
    expect(claimsOf(token)).not.toHaveProperty('ses');
    expect(verified(token).customer?.sid).toBeUndefined();
  });

  it('is marked for a test customer alone', () => {
    expect(claimsOf(issue().token)).not.toHaveProperty('test');
    expect(claimsOf(issue({ customerId: `t1${'a'.repeat(32)}` as CustomerIdentifier }).token).test).toBe(
      true,
    );
  });

  it('ends with what it rests on, and lives a second at least', () => {
    const nowMs = rooms.clock.nowMs();
    const lives = (notAfterMs: number) => issue({}, { notAfterMs }).expiresInSeconds;
    expect([nowMs + 60_000, nowMs + 60_999, nowMs + 3_600_000, nowMs - 60_000].map(lives)).toEqual([
      60, 60, 600, 1,
    ]);
    const { exp, iat } = claimsOf(issue({}, { notAfterMs: nowMs + 60_000 }).token) as {
      exp: number;
      iat: number;
    };
    expect(exp - iat).toBe(60);
  });

  it.each<[string, Record<string, unknown>]>([
    ['another audience', { aud: 'https://other.example' }],
    ['no client', { client_id: undefined }],
    ['a subject that is no identifier', { sub: 'x y' }],
    ['a subject that is no text', { sub: 5 }],
    ['no channel', { channel: undefined }],
    ['a grant that is no text', { gid: 5 }],
    ['no sealed reference', { ref: undefined }],
    ['a session that does not open', { ses: 'v1.AAAA' }],
    ['a session that is no text', { ses: 7 }],
    ['no scope', { scope: undefined }],
    ['a partner that is no text', { partner: null }],
    ['an id without a time', { jti: 'f47ac10b-58cc-4372-a567-0e02b2c3d479' }],
  ])('with %s is refused, whoever signed it', (_what, change) => {
    expect(tokens.verify(forged(change)).ok).toBe(false);
  });

  it('with the session of another token is refused: each is sealed for its own', () => {
    expect(tokens.verify(forged({})).ok).toBe(true);
    const other = claimsOf(issue().token);
    const mixed = forged({ ses: other.ses });
    expect(tokens.verify(mixed).ok).toBe(false);
  });

  it('gives its customer away to nobody when it is about its client alone', () => {
    const own = tokens.issue({ clientId: 'cl_1', partner: 'acme', scopes: ['profile:read', '', 'whoami'] });
    const read = verified(own.token);
    expect(read.customer).toBeUndefined();
    expect(tokens.openCustomer(read)).toBeUndefined();
    expect(read.scopes).toEqual(new Set(['profile:read', 'whoami']));
  });
});

describe('what a token keeps to itself', () => {
  const reference = '4711' as CustomerReference;
  it.each(['', 'n', 'note', 'ü'.repeat(40), 'x'.repeat(57), 'x'.repeat(58), 'x'.repeat(5_000)])(
    'comes back whole, a note of %s beside it',
    (note) => {
      const seal = createReferenceSeal(rooms.keyring);
      expect(seal.open(seal.seal({ reference, note }, 'jti-1'), 'jti-1')).toEqual({ reference, note });
    },
  );

  it('comes back whole whatever its length', () => {
    const seal = createReferenceSeal(rooms.keyring);
    for (let length = 1; length <= 200; length++) {
      const content = { reference: 'r'.repeat(length) as CustomerReference, note: '' };
      expect(seal.open(seal.seal(content, 'jti-1'), 'jti-1')).toEqual(content);
    }
  });

  it('opens for its own token alone, and not when it is cut or changed', () => {
    const seal = createReferenceSeal(rooms.keyring);
    const sealed = seal.seal({ reference, note: 'n' }, 'jti-1');
    expect(seal.open(sealed, 'jti-2')).toBeUndefined();
    const [version, text = ''] = sealed.split('.');
    const bytes = Buffer.from(text, 'base64url');
    for (const cut of [0, 1, 15, 16, 17, bytes.length - 1]) {
      expect(
        seal.open(`${version}.${bytes.subarray(0, cut).toString('base64url')}`, 'jti-1'),
      ).toBeUndefined();
    }
    expect(seal.open(`9.${text}`, 'jti-1')).toBeUndefined();
  });
});

describe('families of a customer who was merged', () => {
  it('are listed and ended under every name that the customer had', async () => {
    const ended: unknown[] = [];
    const families = {
      list: (name: string) => Promise.resolve([`family of ${name}`]),
      endAllOf: (name: string, holder?: string) => Promise.resolve(void ended.push([name, holder])),
    } as unknown as RefreshFamilies<object>;
    const all = withOtherNames(families, {
      aliasesOf: (name) => (name === 'c1now' ? ['c1old', 'c1older'] : []),
    });
    expect(await all.list('c1now')).toEqual(['family of c1now', 'family of c1old', 'family of c1older']);
    await all.endAllOf('c1now', 'cl_1');
    expect(ended).toEqual([
      ['c1now', 'cl_1'],
      ['c1old', 'cl_1'],
      ['c1older', 'cl_1'],
    ]);
  });
});
