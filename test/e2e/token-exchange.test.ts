import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, it } from 'vitest';
import type { JWK } from 'jose';
import { createTestClock, type TestClock } from '../support/clock.ts';
import {
  API,
  APP,
  createIdentityProvider,
  createProviderKey,
  type IdentityProvider,
} from '../support/identity-provider.ts';
import { createSigner, type TestSigner } from '../support/key-server.ts';
import { cookieOf, SHOP_ORIGIN, startService, type TestService } from '../support/service.ts';

const ID_TOKEN = 'urn:ietf:params:oauth:token-type:id_token';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';

/** An issuer whose keys are in the settings. */
const OFFLINE_ISSUER = 'https://idp.test';

let signer: TestSigner;
let provider: IdentityProvider;
let keys: JWK[];
let clock: TestClock;
let t: TestService;

beforeAll(async () => {
  provider = await createIdentityProvider();
  signer = await createSigner('offline');
  keys = await Promise.all(['one', 'two', 'three'].map(createProviderKey));
});
afterAll(() => provider.stop());
beforeEach(async () => {
  await provider.start(keys.slice(0, 1));
  // The provider's tokens bear the time of the machine.
  clock = createTestClock({ nowMs: Date.now() });
  const shared = { type: 'jwt' as const, reference_space: 'idp', issuer: provider.issuer };
  t = await startService({
    clock,
    settings: (settings) => ({
      ...settings,
      authenticators: [
        { name: 'directory', type: 'directory', reference_space: 'directory' },
        {
          ...shared,
          name: 'idp',
          audiences: [APP],
          algorithms: ['ES256'],
          require_jti: false,
          keys_max_age_seconds: 60,
          keys_stale_seconds: 600,
        },
        {
          ...shared,
          name: 'idp-api',
          audiences: [API],
          token_type: 'access_token',
          authorized_parties: [APP],
          algorithms: ['ES256'],
          single_use: true,
        },
        {
          ...shared,
          name: 'offline',
          reference_space: 'offline',
          issuer: OFFLINE_ISSUER,
          audiences: [APP],
          keys: [signer.publicJwk],
        },
      ],
    }),
  });
});
afterEach(() => t.dispose());

const exchange = (subject_token: string, subject_token_type = ID_TOKEN, more: Record<string, unknown> = {}) =>
  t.api
    .post('/customer_authenticate')
    .type('form')
    .send({ subject_token, subject_token_type, channel: 'ios', ...more });

const codeOf = (body: unknown) => (body as { error: { code: string } }).error.code;
const customerOf = (body: unknown) => (body as { customer_id: string }).customer_id;

describe('a customer of the company’s identity provider', () => {
  it('gets a customer token for the ID token and for the access token, under one identifier', async () => {
    const tokens = await provider.signIn('mira-7');
    const byIdToken = await exchange(tokens.id_token).expect(200);
    const byAccessToken = await exchange(tokens.access_token, ACCESS_TOKEN).expect(200);
    expect(byIdToken.body).toMatchObject({ JWT: expect.any(String), expires_in: expect.any(String) });
    expect(customerOf(byAccessToken.body)).toBe(customerOf(byIdToken.body));
    const other = await exchange((await provider.signIn('noor-8')).id_token).expect(200);
    expect(customerOf(other.body)).not.toBe(customerOf(byIdToken.body));
  });

  it('gets a session cookie by cookie delivery, and no token with it', async () => {
    const { id_token } = await provider.signIn('mira-7');
    const { body, headers } = await exchange(id_token, ID_TOKEN, {
      channel: 'web',
      delivery: 'cookie',
    }).expect(200);
    expect(body).not.toHaveProperty('JWT');
    expect(String(headers['set-cookie'])).toMatch(/^__Host-/);
  });

  it('is refused in the same words whatever is wrong with the token', async () => {
    const tokens = await provider.signIn('mira-7');
    const ours = await t.signIn('ios');
    const access = await t.accessToken();
    const attempts: [string, string][] = [
      [tokens.access_token, ID_TOKEN],
      [tokens.id_token, ACCESS_TOKEN],
      [`${tokens.id_token.slice(0, -8)}AAAAAAAA`, ID_TOKEN],
      [ours.JWT, ID_TOKEN],
      [ours.JWT, 'urn:ietf:params:oauth:token-type:jwt'],
      [access, ACCESS_TOKEN],
      ['x', ID_TOKEN],
    ];
    const answers = await Promise.all(attempts.map(([token, type]) => exchange(token, type).expect(401)));
    const errors = answers.map(({ body }) => (body as { error: Record<string, unknown> }).error);
    for (const error of errors) {
      expect({ ...error, request_id: '' }).toEqual({
        code: 'INVALID_CREDENTIALS',
        message: 'The subject_token does not prove who the customer is. Get a new one.',
        request_id: '',
      });
    }
  });

  it('uses an access token once where the settings say so', async () => {
    const { access_token } = await provider.signIn('mira-7');
    await exchange(access_token, ACCESS_TOKEN).expect(200);
    const { body } = await exchange(access_token, ACCESS_TOKEN).expect(401);
    expect(codeOf(body)).toBe('INVALID_CREDENTIALS');
  });

  it('who signed out everywhere needs a token from after that', async () => {
    const token = () => {
      const iat = Math.floor(clock.nowMs() / 1000);
      const person = { iss: OFFLINE_ISSUER, aud: APP, sub: 'mira-7' };
      return signer.sign({ ...person, iat, exp: iat + 300, jti: `at ${iat}` });
    };
    const before = await token();
    const { headers } = await exchange(before, ID_TOKEN, { channel: 'web', delivery: 'cookie' }).expect(200);
    clock.advance(5_000);
    await t.api
      .delete('/customer_session?everywhere=true')
      .set('cookie', cookieOf(headers))
      .set('x-symbolon-csrf', '1')
      .set('origin', SHOP_ORIGIN)
      .expect(204);
    await exchange(before).expect(401);
    clock.advance(1_000);
    await exchange(await token()).expect(200);
  });

  it('leaves no token in the log', async () => {
    const { id_token } = await provider.signIn('mira-7');
    await exchange(id_token).expect(200);
    await exchange(`${id_token.slice(0, -8)}AAAAAAAA`).expect(401);
    const log = JSON.stringify(t.logs());
    for (const part of id_token.split('.')) expect(log).not.toContain(part.slice(0, 24));
    expect(log).not.toContain('mira-7');
    expect(log).toContain('"reason":"signature"');
  });
});

describe('the parameters (X7)', () => {
  it.each<[string, Record<string, unknown>]>([
    ['no type', { subject_token: 'x' }],
    ['no token', { subject_token_type: ID_TOKEN }],
    ['an unknown type', { subject_token: 'x', subject_token_type: 'urn:ietf:params:oauth:token-type:saml2' }],
    ['an actor', { subject_token: 'x', subject_token_type: ID_TOKEN, actor_token: 'y' }],
    ['a password beside it', { subject_token: 'x', subject_token_type: ID_TOKEN, password: 'y' }],
    ['another grant', { subject_token: 'x', subject_token_type: ID_TOKEN, grant_type: 'password' }],
    ['more than 8 KB', { subject_token: 'x'.repeat(8_193), subject_token_type: ID_TOKEN }],
  ])('are refused with %s', async (_what, body) => {
    const answer = await t.api.post('/customer_authenticate').send(body).expect(400);
    expect(codeOf(answer.body)).toBe('INVALID_REQUEST');
  });

  it('are never taken from the address', async () => {
    const { body } = await t.api
      .post(`/customer_authenticate?subject_token=x`)
      .send({ subject_token: 'x', subject_token_type: ID_TOKEN })
      .expect(400);
    expect(codeOf(body)).toBe('INVALID_REQUEST');
  });

  it('may be sent with the grant type of RFC 8693', async () => {
    const { id_token } = await provider.signIn('mira-7');
    const grant_type = 'urn:ietf:params:oauth:grant-type:token-exchange';
    await exchange(id_token, ID_TOKEN, { grant_type }).expect(200);
  });
});

describe('the identity provider', () => {
  it('replaces its keys without one refused sign-in', async () => {
    const before = await provider.signIn('mira-7');
    const first = await exchange(before.id_token).expect(200);
    await provider.start([keys[1], keys[0]] as JWK[]);
    clock.advance(10_000);
    const after = await provider.signIn('mira-7');
    const second = await exchange(after.id_token).expect(200);
    expect(customerOf(second.body)).toBe(customerOf(first.body));
    await exchange(before.id_token).expect(200);
  });

  it('may be down: known keys serve on, a new key is undecided (503), and all is well when it is back', async () => {
    const known = await provider.signIn('mira-7');
    await exchange(known.id_token).expect(200);
    await provider.start([keys[2], keys[0]] as JWK[]);
    const unseen = await provider.signIn('mira-7');
    await provider.stop();
    clock.advance(61_000);
    await exchange(known.id_token).expect(200);
    const { body, headers } = await exchange(unseen.id_token).expect(503);
    expect(codeOf(body)).toBe('AUTHENTICATOR_UNAVAILABLE');
    expect(headers['retry-after']).toBe('5');
    await provider.start([keys[2], keys[0]] as JWK[]);
    clock.advance(30_000);
    await exchange(unseen.id_token).expect(200);
  });

  it('that was never reached leaves every token undecided, and passwords as they are', async () => {
    const { id_token } = await provider.signIn('mira-7');
    await provider.stop();
    const { body } = await exchange(id_token).expect(503);
    expect(codeOf(body)).toBe('AUTHENTICATOR_UNAVAILABLE');
    await t.signIn('ios');
  });
});
