import { SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ZodError } from 'zod';
import { createSigner } from '../../support/key-server.ts';
import { authenticated, CONTEXT, openSubjectTokens, refused, type SubjectTokens } from './subject-tokens.ts';

let w: SubjectTokens;

beforeEach(async () => {
  w = await openSubjectTokens();
});
afterEach(() => w.close());

/** A token with parts of our own writing. */
const raw = (header: unknown, payload: unknown, signature = 'AAAA') =>
  [header, payload].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.') +
  `.${signature}`;

describe('a token of the company’s identity provider', () => {
  it('gives the reference of its subject, proven when it was issued', async () => {
    w.rooms.clock.advance(30_000);
    expect(await w.offerClaims({ iat: w.nowSeconds() - 20 })).toEqual({
      outcome: 'authenticated',
      space: 'crm',
      reference: '4711',
      provenAtMs: (w.nowSeconds() - 20) * 1000 + 999,
    });
  });

  it('gives the reference of another claim, which may be a number', async () => {
    const settings = { reference_claim: 'https://shop.test/customer' };
    expect(await w.offerClaims({ sub: 'x', 'https://shop.test/customer': 4711 }, settings)).toEqual(
      authenticated,
    );
    expect(await w.offerClaims({ sub: '4711' }, settings)).toEqual(refused);
    expect(await w.offerClaims({}, { reference_claim: 'toString' })).toEqual(refused);
    expect(w.reasons()).toEqual(['reference', 'reference']);
  });

  it.each(['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA', 'Ed25519'])('may be signed with %s', async (alg) => {
    w.signer = await createSigner('other', alg);
    w.provider.keys = [w.signer.publicJwk];
    const settings = { algorithms: [alg] };
    expect(await w.offerClaims({}, settings)).toEqual(authenticated);
  });

  it('is not judged by an authenticator for passwords’ sake, nor by one of another issuer', async () => {
    const password = { kind: 'password', username: 'mira', password: 'x' } as const;
    expect(await w.authenticator().authenticate(password, CONTEXT)).toEqual({ outcome: 'not_mine' });
    expect(await w.offerClaims({ iss: 'https://other.test' })).toEqual({ outcome: 'not_mine' });
    expect(await w.offerClaims({ iss: `${w.provider.url}/` })).toEqual({ outcome: 'not_mine' });
    expect(w.provider.asked).toEqual([]);
  });

  it('leaves neither itself nor its subject in the log', async () => {
    const token = await w.signer.sign(w.claims({ aud: 'elsewhere', sub: 'subject-4711' }));
    expect(await w.offer(token)).toEqual(refused);
    expect(w.reasons()).toEqual(['audience']);
    expect(w.logged.join('')).not.toMatch(/\b4711\b/);
    expect(w.logged.join('')).not.toContain(token.slice(-40));
  });
});

describe('X1: issuers', () => {
  it('never name customers of each other: the same subject and key id at another issuer prove nothing here', async () => {
    const impostor = await createSigner('one');
    expect(await w.offer(await impostor.sign(w.claims()))).toEqual(refused);
    expect(w.reasons()).toEqual(['signature']);
  });

  it.each<[string, Record<string, unknown>, Record<string, unknown>]>([
    ['another audience', { aud: 'elsewhere' }, {}],
    ['a further audience, in an ID token', { aud: ['shop-app', 'elsewhere'], azp: 'shop-app' }, {}],
    ['no audience', { aud: undefined }, {}],
    ['an empty list of audiences', { aud: [] }, {}],
    ['an audience that is no string', { aud: [{ 0: 'shop-app' }] }, {}],
  ])('are believed for their audience alone: not with %s', async (_what, changes, settings) => {
    expect(await w.offerClaims(changes, settings)).toEqual(refused);
    expect(w.reasons()).toEqual(['audience']);
  });

  it.each<[string, Record<string, unknown>, Record<string, unknown>]>([
    ['an app that is not ours', { azp: 'elsewhere' }, {}],
    ['an app that is not listed', { azp: 'shop-app' }, { authorized_parties: ['other-app'] }],
    [
      'no app, although it has several audiences',
      { aud: ['shop-app', 'web-app'] },
      { audiences: ['shop-app', 'web-app'] },
    ],
    ['an app that is no string', { azp: ['shop-app'] }, {}],
  ])('are believed for the party that they issued to: not %s', async (_what, changes, settings) => {
    expect(await w.offerClaims(changes, settings)).toEqual(refused);
    expect(w.reasons()).toEqual(['authorized_party']);
  });

  it('are believed in the listed algorithms alone', async () => {
    const other = await createSigner('two', 'ES384');
    w.provider.keys.push(other.publicJwk);
    expect(await w.offer(await other.sign(w.claims()))).toEqual(refused);
    for (const alg of ['none', 'NONE', 'HS256', '', 'constructor'])
      expect(await w.offer(raw({ alg, kid: 'one', typ: 'JWT' }, w.claims()))).toEqual(refused);
    expect(w.reasons()).toEqual(Array(6).fill('algorithm'));
  });

  it('lend no public key to symmetric signatures', async () => {
    const secret = Buffer.from(JSON.stringify(w.signer.publicJwk));
    const token = await new SignJWT(w.claims()).setProtectedHeader({ alg: 'HS256', kid: 'one' }).sign(secret);
    expect(await w.offer(token)).toEqual(refused);
    expect(() => w.authenticator({ algorithms: ['HS256'] })).toThrow(ZodError);
  });
});

describe('X2: claims', () => {
  it.each<[string, Record<string, unknown>, string]>([
    ['no exp', { exp: undefined }, 'expired'],
    ['exp as text', { exp: '9999999999' }, 'expired'],
    ['exp that is past all numbers', { exp: 1e300 }, 'expired'],
    ['no iat', { iat: undefined }, 'age'],
    ['iat as text', { iat: '1' }, 'age'],
    ['no sub', { sub: undefined }, 'subject'],
    ['a number as sub', { sub: 4711 }, 'subject'],
    ['an empty sub', { sub: '' }, 'subject'],
    ['no jti', { jti: undefined }, 'jti'],
    ['a number as jti', { jti: 7 }, 'jti'],
    ['an endless jti', { jti: 'x'.repeat(257) }, 'jti'],
    ['nbf as text', { nbf: '1' }, 'age'],
  ])('with %s are refused', async (_what, changes, reason) => {
    expect(await w.offerClaims(changes)).toEqual(refused);
    expect(w.reasons()).toEqual([reason]);
  });

  it('may do without jti where the settings say so', async () => {
    expect(await w.offerClaims({ jti: undefined }, { require_jti: false })).toEqual(authenticated);
    expect(await w.offerClaims({ jti: 7 }, { require_jti: false })).toEqual(refused);
  });

  it.each<[string, [number, number], [number, number]]>([
    ['expiry', [-300, -59], [-300, -60]],
    ['age', [-660, 100], [-661, 100]],
    ['a time to come', [60, 300], [61, 300]],
    ['lifetime', [0, 3_600], [0, 3_601]],
  ])('are bounded to the second by %s', async (_what, inside, outside) => {
    const at = ([iat, exp]: [number, number]) => ({ iat: w.nowSeconds() + iat, exp: w.nowSeconds() + exp });
    expect(await w.offerClaims(at(inside))).toEqual(authenticated);
    expect(await w.offerClaims(at(outside))).toEqual(refused);
  });

  it('are not taken before nbf, nor when they expire before they begin', async () => {
    expect(await w.offerClaims({ nbf: w.nowSeconds() + 61 })).toEqual(refused);
    expect(await w.offerClaims({ iat: w.nowSeconds() + 30, exp: w.nowSeconds() + 30 })).toEqual(refused);
  });
});

describe('X3: single use', () => {
  it('takes each jti once, however many try at once, and another issuer’s same jti for another', async () => {
    const token = await w.signer.sign(w.claims());
    const once = w.authenticator({ single_use: true });
    const outcomes = await Promise.all(Array.from({ length: 5 }, () => w.offer(token, once)));
    expect(outcomes.filter(({ outcome }) => outcome === 'authenticated')).toHaveLength(1);
    const keys = [w.signer.publicJwk];
    const elsewhere = w.authenticator({ single_use: true, issuer: 'https://other.test', keys });
    const same = await w.signer.sign(w.claims({ iss: 'https://other.test' }));
    expect(await w.offer(same, elsewhere)).toEqual(authenticated);
  });

  it('remembers for as long as the token is taken', async () => {
    const token = await w.signer.sign(w.claims());
    const once = w.authenticator({ single_use: true });
    expect(await w.offer(token, once)).toEqual(authenticated);
    w.rooms.clock.advance(359_000);
    await w.rooms.stores.replays.prune(w.rooms.clock.nowMs());
    expect(await w.offer(token, once)).toEqual(refused);
    expect(w.reasons()).toEqual(['replayed']);
  });

  it('uses up no token that is refused for another reason', async () => {
    const once = w.authenticator({ single_use: true });
    expect(await w.offer(await w.signer.sign(w.claims({ aud: 'elsewhere' })), once)).toEqual(refused);
    expect(await w.offer(await w.signer.sign(w.claims()), once)).toEqual(authenticated);
  });

  it('takes a token again where the settings do not ask for single use', async () => {
    const token = await w.signer.sign(w.claims());
    const often = w.authenticator();
    expect([await w.offer(token, often), await w.offer(token, often)]).toEqual([
      authenticated,
      authenticated,
    ]);
  });
});

describe('X4: tokens that are no proof', () => {
  it.each(['customer+jwt', 'at+jwt', 'application/at+jwt', 'logout+jwt', 'dpop+jwt', 'secevent+jwt'])(
    'a token of the type %s is no ID token',
    async (typ) => {
      expect(await w.offer(await w.signer.sign(w.claims(), { typ }))).toEqual(refused);
      expect(w.reasons()).toEqual(['token_type']);
    },
  );

  it.each<[string, Record<string, unknown>]>([
    ['an access token of Keycloak', { typ: 'Bearer' }],
    ['an access token of Cognito', { token_use: 'access' }],
    ['a logout token', { events: {} }],
  ])('%s is no ID token, whatever its header says', async (_what, changes) => {
    expect(await w.offerClaims(changes)).toEqual(refused);
    expect(w.reasons()).toEqual(['token_type']);
  });

  it.each<[string, Record<string, unknown>]>([
    ['an app for itself', { sub: 'shop-app', azp: 'shop-app' }],
    ['somebody who acts for the customer', { act: { sub: 'helpdesk' } }],
  ])('a token of %s is no sign-in of the customer', async (_what, changes) => {
    expect(await w.offerClaims(changes)).toEqual(refused);
    expect(w.reasons()).toEqual(['not_a_sign_in']);
  });

  const forAccess = { token_type: 'access_token', audiences: ['shop-api'], authorized_parties: ['shop-app'] };
  const accessToken = (changes: Record<string, unknown> = {}, header: Record<string, unknown> = {}) =>
    w.signer.sign(w.claims({ aud: ['shop-api', 'other-api'], client_id: 'shop-app', ...changes }), {
      typ: 'at+jwt',
      ...header,
    });

  it('an access token is one only where the settings ask for access tokens, and an ID token is none there', async () => {
    const access = w.authenticator(forAccess);
    expect(await w.offer(await accessToken(), access, 'access_token')).toEqual(authenticated);
    expect(await w.offer(await accessToken(), access, 'jwt')).toEqual(authenticated);
    expect(await w.offer(await accessToken(), access, 'id_token')).toEqual(refused);
    expect(await w.offer(await w.signer.sign(w.claims()), access, 'access_token')).toEqual(refused);
    const keycloak = w.authenticator({ ...forAccess, header_types: ['JWT'] });
    const token = await accessToken({ typ: 'Bearer' }, { typ: 'JWT' });
    expect(await w.offer(token, keycloak, 'access_token')).toEqual(authenticated);
  });

  it.each<[string, Record<string, unknown>]>([
    ['another app', { client_id: 'other-app' }],
    ['no app', { client_id: undefined }],
    ['one app by azp and another by client_id', { azp: 'other-app' }],
  ])('an access token that was issued to %s is none', async (_what, changes) => {
    const token = await accessToken(changes);
    expect(await w.offer(token, w.authenticator(forAccess), 'access_token')).toEqual(refused);
    expect(w.reasons()).toEqual(['authorized_party']);
  });
});

describe('X6: subjects', () => {
  it('of 255 characters are taken, longer ones refused and never cut', async () => {
    const longest = 'x'.repeat(255);
    expect(await w.offerClaims({ sub: longest })).toMatchObject({ reference: longest });
    expect(await w.offerClaims({ sub: `${longest}x` })).toEqual(refused);
    expect(await w.offerClaims({ sub: `${longest}x`, id: 7 }, { reference_claim: 'id' })).toEqual(refused);
    expect(w.reasons()).toEqual(['subject', 'subject']);
  });
});

describe('a token that is no signed JWT in compact form', () => {
  const header = { alg: 'ES256', kid: 'one' };
  it.each<[string, () => string | Promise<string>]>([
    ['text', () => 'no token'],
    ['five parts', () => 'a.b.c.d.e'],
    ['no signature', () => raw(header, w.claims(), '')],
    ['padding', async () => `${await w.signer.sign(w.claims())}=`],
    ['white space', async () => ` ${await w.signer.sign(w.claims())}`],
    ['more than 8 KB', () => w.signer.sign(w.claims({ more: 'x'.repeat(8_192) }))],
    ['an array as header', () => raw([header], w.claims())],
    ['null as claims', () => raw(header, null)],
    ['a kid that is no text', () => raw({ ...header, kid: 1 }, w.claims())],
    ['a critical extension', () => raw({ ...header, crit: ['b64'], b64: false }, w.claims())],
    [
      'a claim given twice',
      () => {
        const twice = `{"sub":"4712",${JSON.stringify(w.claims()).slice(1)}`;
        return `${raw(header, {}).split('.')[0]}.${Buffer.from(twice).toString('base64url')}.AAAA`;
      },
    ],
  ])('is refused: %s', async (_what, make) => {
    expect(await w.offer(await make())).toEqual(refused);
    expect(w.reasons()).toEqual(['malformed']);
    expect(w.provider.asked).toEqual([]);
  });

  it('is refused when one character of it was changed', async () => {
    const token = await w.signer.sign(w.claims());
    const [head, , signature] = token.split('.');
    const payload = Buffer.from(JSON.stringify(w.claims({ sub: '4712' }))).toString('base64url');
    expect(await w.offer(`${head}.${payload}.${signature}`)).toEqual(refused);
    expect(w.reasons()).toEqual(['signature']);
  });
});

describe('the settings of an identity provider', () => {
  it.each<[string, Record<string, unknown>]>([
    ['no audience', { audiences: [] }],
    ['a mail address as reference', { reference_claim: 'email' }],
    ['keys in two places', { keys_url: 'https://idp.test/keys', keys: [{ kty: 'EC' }] }],
    ['access tokens of any app', { token_type: 'access_token' }],
    ['access tokens as ID tokens', { header_types: ['at+jwt'] }],
    ['our own type of token', { header_types: ['customer+jwt'] }],
    ['single use without jti', { single_use: true, require_jti: false }],
    ['a tolerance of minutes', { clock_tolerance_seconds: 61 }],
  ])('refuse %s', (_what, changes) => {
    expect(() => w.authenticator(changes)).toThrow(ZodError);
  });
});
