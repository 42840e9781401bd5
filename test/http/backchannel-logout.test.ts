import { type CryptoKey, exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../src/config/config.ts';
import { startService, type TestService } from '../support/service.ts';

const ISSUER = 'https://login.company.test';
const EVENTS = { 'http://schemas.openid.net/event/backchannel-logout': {} };

let t: TestService;
let signer: CryptoKey;
let stranger: CryptoKey;
let publicKey: JWK;
let cookie: string;
let issued = 0;

beforeAll(async () => {
  const own = await generateKeyPair('ES256', { extractable: true });
  signer = own.privateKey;
  publicKey = { ...(await exportJWK(own.publicKey)), kid: 'k1', alg: 'ES256' };
  stranger = (await generateKeyPair('ES256')).privateKey;
  t = await startService({
    settings: (settings: ConfigInput) => ({
      ...settings,
      authenticators: [
        { name: 'directory', type: 'directory', reference_space: 'directory' },
        {
          name: 'login-of-another-app',
          type: 'jwt',
          reference_space: 'directory',
          issuer: ISSUER,
          audiences: ['shop-app'],
          keys: [publicKey],
        },
        {
          name: 'login',
          type: 'jwt',
          reference_space: 'directory',
          issuer: ISSUER,
          audiences: ['chat'],
          keys: [publicKey],
        },
      ],
    }),
  });
});
afterAll(() => t.dispose());
beforeEach(async () => {
  t.clock.advance(1_000);
  cookie = await t.signInWithCookie();
  t.clock.advance(1_000);
});

interface Changes {
  claims?: JWTPayload;
  without?: string[];
  header?: Record<string, unknown>;
  key?: CryptoKey;
}

async function logoutToken({ claims, without = [], header, key = signer }: Changes = {}): Promise<string> {
  const iat = Math.floor(t.clock.nowMs() / 1000);
  const all: JWTPayload = {
    iss: ISSUER,
    aud: 'chat',
    sub: '4711',
    iat,
    exp: iat + 120,
    jti: `logout-${issued++}`,
    events: EVENTS,
    ...claims,
  };
  for (const name of without) delete all[name];
  return new SignJWT(all)
    .setProtectedHeader({ alg: 'ES256', typ: 'logout+jwt', kid: 'k1', ...header })
    .sign(key);
}

const send = (logout_token: string) => t.api.post('/backchannel_logout').type('form').send({ logout_token });
const session = () => t.api.get('/customer_session').set({ cookie });

describe('a logout token of a provider that is trusted', () => {
  it('ends the session of whom it names at once, and of nobody else', async () => {
    const noor = await t.signInWithCookie('noor');
    t.clock.advance(1_000);
    await send(await logoutToken()).expect(200);
    await session().expect(401);
    await t.api.get('/customer_session').set({ cookie: noor }).expect(200);
  });

  it('may have the plain type that older providers write', async () => {
    await send(await logoutToken({ header: { typ: 'JWT' } })).expect(200);
    await session().expect(401);
  });

  it('is answered alike for somebody unknown here', async () => {
    await send(await logoutToken({ claims: { sub: 'nobody' } })).expect(200);
  });

  it('counts once, so that a kept one ends no later session', async () => {
    const token = await logoutToken();
    await send(token).expect(200);
    t.clock.advance(1_000);
    cookie = await t.signInWithCookie();
    await send(token).expect(400);
    await session().expect(200);
  });
});

describe('no session ends by a logout token', () => {
  it.each<[string, () => Changes]>([
    ['that somebody else signed', () => ({ key: stranger })],
    ['of another issuer', () => ({ claims: { iss: 'https://evil.test' } })],
    ['for another audience', () => ({ claims: { aud: 'shop' } })],
    ['without an event', () => ({ without: ['events'] })],
    ['with another event', () => ({ claims: { events: { 'https://evil.test': {} } } })],
    ['whose event is no object', () => ({ claims: { events: { [Object.keys(EVENTS)[0] as string]: 1 } } })],
    ['with a nonce, which marks ID tokens', () => ({ claims: { nonce: 'n' } })],
    ['without a jti', () => ({ without: ['jti'] })],
    ['that names a provider’s session alone', () => ({ without: ['sub'], claims: { sid: 's-1' } })],
    ['without an expiry', () => ({ without: ['exp'] })],
    ['without a time of issue', () => ({ without: ['iat'] })],
    ['that has expired', () => ({ claims: { iat: 1_700_000_000, exp: 1_700_000_120 } })],
    ['that lives for a day', () => ({ claims: { exp: Math.floor(t.clock.nowMs() / 1000) + 86_400 } })],
    ['typed as an access token', () => ({ header: { typ: 'at+jwt' } })],
    ['under a key that is unknown', () => ({ header: { kid: 'k2' } })],
  ])('%s', async (_what, changes) => {
    const { body } = await send(await logoutToken(changes())).expect(400);
    expect(body).toEqual({ error: 'invalid_request', error_description: 'The logout token is not valid.' });
    await session().expect(200);
  });

  it('that is unsigned, cut or missing', async () => {
    const [head, payload] = (await logoutToken()).split('.');
    const none = Buffer.from('{"alg":"none","typ":"logout+jwt"}').toString('base64url');
    for (const token of [`${none}.${payload}.`, `${head}.${payload}`, 'x', '']) await send(token).expect(400);
    await session().expect(200);
  });

  it('that is no token of sign-in either: one does not stand for the other', async () => {
    const { body } = await t.api
      .post('/customer_authenticate')
      .send({
        subject_token: await logoutToken(),
        subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
        channel: 'ios',
      })
      .expect(401);
    expect(body.error.code).toBe('INVALID_CREDENTIALS');
  });
});

it('a refused logout token leaves an audit record that says why, without the token', async () => {
  const token = await logoutToken({ claims: { aud: 'shop' } });
  await send(token).expect(400);
  const { body } = await t.admin.get('/admin/audit').expect(200);
  expect(JSON.stringify(body)).toContain('logout token: audience');
  expect(JSON.stringify([body, t.logs()])).not.toContain(token.slice(-40));
});
