/**
 * Each way of calling that a partner documents, from that partner's side: its headers, bodies, codes, shapes and
 * numbers, written out here without any code of ours. What else may happen at an endpoint is in that endpoint's files.
 */
import { createHash, createHmac } from 'node:crypto';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { decodeJwt } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../src/config/config.ts';
import { createTestCertificate } from '../support/certificate.ts';
import { authorize, connect, pkce, redemption, registerApp, renewal } from '../support/oauth-app.ts';
import { PASSWORD, startService, type TestKey, type TestService } from '../support/service.ts';

const DAY_MS = 86_400_000;

let t: TestService;
let mira: { JWT: string; customer_id: string };
/** The signed-in customer, as every dialect but an app's own names them. */
const customer = () => ({ 'customer-auth': `JWT ${mira.JWT}` });

async function start(change: Partial<ConfigInput> = {}): Promise<void> {
  t = await startService({ settings: (all) => ({ ...all, ...change }) });
  mira = await t.signIn('ios');
}
const stop = () => t.dispose();

const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` });
const readProfile = (headers: Record<string, string>) =>
  t.api.post('/getprofile').set({ ...customer(), ...headers });

const codeOf = ({ status, body }: { status: number; body: unknown }) => [
  status,
  (body as { error?: { code?: string } }).error?.code,
];

describe('ASAPP', () => {
  const channels: ConfigInput['channels'] = [
    { id: 'ios', group: 'north', delivery: 'token', token_lifetime_seconds: 28_799 },
    { id: 'web', group: 'north', delivery: 'cookie' },
    { id: 'south', group: 'south', delivery: 'token' },
  ];
  beforeAll(() => start({ default_channel: 'ios', channels }));
  afterAll(stop);

  const signIn = () =>
    t.api
      .post('/auth/customer_authenticate')
      .set('cache-control', 'no-cache')
      .type('form')
      .send(`username=mira&password=${encodeURIComponent(PASSWORD)}`);
  const accessToken = () =>
    t.api
      .post('/oauth/access_token?grant_type=client_credentials')
      .set({ 'cache-control': 'no-cache', 'content-type': 'application/x-www-form-urlencoded' })
      .send(`client_id=${t.north.clientId}&client_secret=${t.north.clientSecret}`);
  const getProfile = (token: string, jwt: string) =>
    t.api.post('/account/getprofile').set({
      Authorization: `Bearer ${token}`,
      'customer-auth': `JWT ${jwt}`,
      'content-type': 'application/json',
      'api-key': t.north.key.publicId,
    });

  it('signs a customer in by a plain form and gets issued_at, JWT and expires_in, all strings', async () => {
    const { body, headers } = await signIn().expect(200);
    expect(body).toEqual({
      issued_at: String(t.clock.nowMs()),
      JWT: expect.any(String),
      expires_in: '28799',
      customer_id: mira.customer_id,
    });
    expect(body.issued_at).toMatch(/^\d{13}$/);
    expect(headers).not.toHaveProperty('set-cookie');
  });

  it('gets an access token with grant_type in the address, in six members that are strings', async () => {
    const { body } = await accessToken().expect(200);
    expect(body).toEqual({
      token_type: 'Bearer',
      issued_at: String(t.clock.nowMs()),
      client_id: t.north.clientId,
      access_token: expect.any(String),
      scope: expect.stringMatching(/./),
      expires_in: '600',
    });
  });

  it('may put grant_type among the other parameters, and its secret into Basic', async () => {
    const grant = { grant_type: 'client_credentials' };
    const { clientId: client_id, clientSecret: client_secret } = t.north;
    await t.api
      .post('/access_token')
      .type('form')
      .send({ ...grant, client_id, client_secret })
      .expect(200);
    await t.api.post('/access_token').auth(client_id, client_secret).type('form').send(grant).expect(200);
  });

  it('reads the profile with three credentials and no body', async () => {
    const token = (await accessToken().expect(200)).body.access_token;
    const { body } = await getProfile(token, (await signIn()).body.JWT).expect(200);
    expect(body).toMatchObject({ customer_id: mira.customer_id, profile: { plan: 'gold' } });
  });

  it('is told 401 when the proof of the customer has expired, so that it asks for a new one', async () => {
    const { JWT } = (await signIn()).body;
    t.clock.advance(28_799_000 + 61_000);
    const token = (await accessToken().expect(200)).body.access_token;
    expect(codeOf(await getProfile(token, JWT))).toEqual([401, 'CUSTOMER_TOKEN_EXPIRED']);
    const renewed = (await signIn()).body;
    await getProfile(token, renewed.JWT).expect(200);
    expect(renewed.customer_id).toBe(mira.customer_id);
  });
});

describe('MessengerX.io', () => {
  afterEach(stop);

  it('calls with its API key as bearer', async () => {
    await start();
    await readProfile(bearer(t.north.key.secret)).expect(200);
  });

  it.each(['form', 'json'] as const)(
    'connects a customer by authorization code and goes on with refresh tokens, by %s bodies',
    async (type) => {
      await start();
      const app = await registerApp(t);
      const { verifier, challenge } = pkce();
      const code = (await authorize(t, app, { challenge })).get('code') as string;
      const post = (fields: Record<string, string>) => t.api.post('/oauth/token').type(type).send(fields);
      const first = (await post(redemption(app, code, verifier)).expect(200)).body;
      expect(first).toMatchObject({ token_type: 'Bearer', expires_in: 600, scope: 'profile:read' });
      const second = (await post(renewal(app, first.refresh_token)).expect(200)).body;
      const { body } = await t.api.post('/getprofile').set(bearer(second.access_token)).expect(200);
      expect(body.customer_id).toMatch(/^c1[a-z2-7]{32}$/);
    },
  );

  it('speaks TLS 1.2 or later with a service that ends TLS itself, and nothing older', async () => {
    const { cert, key } = createTestCertificate('127.0.0.1');
    t = await startService({
      settings: ({ behind_tls_proxy: _proxy, ...all }) => ({
        ...all,
        tls: { certificate: cert, private_key: key },
      }),
    });
    const handshake = (version: 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3') =>
      new Promise<string | null>((resolve, reject) => {
        const socket: TLSSocket = connectTls(
          {
            port: Number(new URL(t.url).port),
            host: '127.0.0.1',
            ca: cert,
            minVersion: version,
            maxVersion: version,
            // So that this side is willing to speak the old version at all.
            ciphers: 'DEFAULT@SECLEVEL=0',
          },
          () => {
            resolve(socket.getProtocol());
            socket.destroy();
          },
        );
        socket.on('error', reject);
      });
    expect(await handshake('TLSv1.2')).toBe('TLSv1.2');
    expect(await handshake('TLSv1.3')).toBe('TLSv1.3');
    await expect(handshake('TLSv1.1')).rejects.toThrow(/alert protocol version/i);
  });
});

describe('CMzon', () => {
  beforeAll(() => start());
  afterAll(stop);

  it('calls with a bearer key, or with the token of a customer who connected its app', async () => {
    await readProfile(bearer(t.north.key.secret)).expect(200);
    const tokens = await connect(t, await registerApp(t));
    await t.api.post('/getprofile').set(bearer(tokens.access_token)).expect(200);
  });

  it('finds code, message and details in an error', async () => {
    const key = await t.createKey(t.north, { scopes: ['whoami'] });
    const { body } = await readProfile(bearer(key.secret)).expect(403);
    expect(body.error).toMatchObject({
      code: 'INSUFFICIENT_SCOPE',
      message: expect.any(String),
      details: { scope: 'profile:read' },
    });
  });

  it('is told by retry_after to wait for sixty seconds when its minute is used up at once', async () => {
    const key = await t.createKey(t.north, { tier: 'production' });
    for (let i = 0; i < 60; i++) await t.api.get('/whoami').set(bearer(key.secret)).expect(200);
    const { body, headers } = await t.api.get('/whoami').set(bearer(key.secret)).expect(429);
    expect(body.error).toMatchObject({ code: 'RATE_LIMITED', message: expect.any(String), retry_after: 60 });
    expect(body.error.details).toMatchObject({ quota: 60, window_seconds: 60 });
    expect(headers['retry-after']).toBe('60');
  });

  const asks = (key: TestKey, times: number) =>
    Promise.all(Array.from({ length: times }, () => t.api.get('/whoami').set(bearer(key.secret))));
  const served = (answers: { status: number }[]) => answers.filter(({ status }) => status === 200).length;

  it('may send eighty messages in a second and ten thousand in a day', async () => {
    const key = await t.createKey(t.north, { tier: 'messaging' });
    const { headers } = await t.api.get('/whoami').set(bearer(key.secret)).expect(200);
    expect(headers['ratelimit-policy']).toMatch(/^"key-second";q=80;w=1, "key-day";q=10000;w=86400\b/);
    expect(served(await asks(key, 90))).toBe(79);
    t.clock.advance(1_000);
    expect(served(await asks(key, 90))).toBe(80);
  });

  it('may send one thousand in a day while its account is new', async () => {
    const key = await t.createKey(t.north, { tier: 'messaging-new' });
    let sent = 0;
    for (let second = 0; second < 14; second++) {
      sent += served(await asks(key, 80));
      t.clock.advance(1_000);
    }
    expect(sent).toBe(1_000);
    const [refused] = await asks(key, 1);
    expect(refused?.body.error).toMatchObject({
      code: 'RATE_LIMITED',
      details: { quota: 1_000, window_seconds: 86_400 },
      retry_after: 86_400 - 14,
    });
  });
});

describe('Audexum', () => {
  afterEach(stop);

  it('calls with its API key as bearer', async () => {
    await start();
    await readProfile(bearer(t.north.key.secret)).expect(200);
  });

  it('gets a Bearer token by a form, with 3600 as a number', async () => {
    await start({ tokens: { access_token_lifetime_seconds: 3_600 } });
    const { clientId: client_id, clientSecret: client_secret } = t.north;
    const { body } = await t.api
      .post('/oauth/token')
      .type('form')
      .send({ grant_type: 'client_credentials', client_id, client_secret })
      .expect(200);
    expect(body).toMatchObject({ access_token: expect.any(String), token_type: 'Bearer', expires_in: 3_600 });
    const { exp = 0, iat = 0 } = decodeJwt(body.access_token);
    expect(exp - iat).toBe(3_600);
  });

  it('is reminded of a key after ninety days, and replaces it while both are good', async () => {
    await start();
    const { keyId, secret } = await t.createKey(t.north);
    const findings = async () => {
      const { body } = await t.admin.get('/admin/credentials/report?all=true').expect(200);
      const lines = body.items as { id: string; findings: string[] }[];
      return lines.find(({ id }) => id === keyId)?.findings;
    };
    t.clock.advance(90 * DAY_MS);
    expect(await findings()).not.toContain('older_than_90_days');
    t.clock.advance(1_000);
    expect(await findings()).toContain('older_than_90_days');
    mira = await t.signIn('ios');
    const { body } = await t.admin.post(`/admin/api-keys/${keyId}/rotate`).send({}).expect(201);
    for (const one of [secret, body.secret as string]) await readProfile(bearer(one)).expect(200);
  });
});

describe('Coext', () => {
  let key: TestKey;
  beforeAll(() => start());
  afterAll(stop);
  beforeEach(async () => {
    mira = await t.signIn('ios');
    key = await t.createKey(t.north, { use: 'signing', signature: 'v1' });
  });

  const BODY = '{"fields": ["plan"], "text": "gr\u00fc\u00df dich"}';
  /** Hex HMAC-SHA256 of `timestamp.body`, keyed with the hex SHA-256 of the secret. */
  function signed({ publicId, secret }: TestKey, timestamp = Math.floor(t.clock.nowMs() / 1000)) {
    const hexKey = createHash('sha256').update(secret).digest('hex');
    return {
      'X-API-Key': publicId,
      'X-Timestamp': String(timestamp),
      'X-API-Signature': createHmac('sha256', hexKey).update(`${timestamp}.${BODY}`).digest('hex'),
    };
  }
  const send = (headers: Record<string, string>) =>
    readProfile({ 'content-type': 'application/json', ...headers }).send(BODY);

  it('names its key by a public id and signs timestamp and body with the hash of the secret', async () => {
    expect(key.publicId).toMatch(/^pk_live_/);
    const { body } = await send(signed(key)).expect(200);
    expect(body).toMatchObject({ customer_id: mira.customer_id, profile: { plan: 'gold' } });
  });

  it('may leave the signature out only where a public id is enough: to ask who it is, never for a profile', async () => {
    const plain = await t.createKey(t.north);
    await t.api.get('/whoami').set('X-API-Key', plain.publicId).expect(200);
    expect(codeOf(await send({ 'X-API-Key': plain.publicId }))).toEqual([401, 'INVALID_API_KEY']);
    expect(codeOf(await send({ 'X-API-Key': key.publicId }))).toEqual([401, 'INVALID_SIGNATURE']);
  });

  it('is refused a signature that is older than five minutes', async () => {
    const headers = signed(key);
    t.clock.advance(300_000);
    await send(headers).expect(200);
    const next = signed(key);
    t.clock.advance(301_000);
    expect(codeOf(await send(next))).toEqual([401, 'TIMESTAMP_EXPIRED']);
  });

  it('learns by four codes, all 401, what is wrong with its credentials', async () => {
    const unknown = { ...key, publicId: 'pk_live_nobody' };
    expect(codeOf(await send(signed(unknown)))).toEqual([401, 'INVALID_API_KEY']);
    expect(codeOf(await send({ ...signed(key), 'X-API-Signature': '0'.repeat(64) }))).toEqual([
      401,
      'INVALID_SIGNATURE',
    ]);
    const milliseconds = signed(key, t.clock.nowMs());
    expect(codeOf(await send(milliseconds))).toEqual([401, 'TIMESTAMP_EXPIRED']);
    const expires_at = new Date(t.clock.nowMs() + 60_000).toISOString();
    const ending = await t.createKey(t.north, { use: 'signing', signature: 'v1', expires_at });
    t.clock.advance(60_000);
    expect(codeOf(await send(signed(ending)))).toEqual([401, 'EXPIRED_API_KEY']);
  });

  it.each([
    ['development', 10],
    ['staging', 30],
    ['production', 60],
  ])('may make as many requests in a minute as its environment has: %s, %i', async (tier, quota) => {
    const limited = await t.createKey(t.north, { use: 'signing', signature: 'v1', tier });
    const now = Math.floor(t.clock.nowMs() / 1000);
    // A timestamp of its own for each, because no signature is taken twice.
    const answers = [];
    for (let i = 0; i <= quota; i++) answers.push(await send(signed(limited, now - i)));
    expect(answers.slice(0, quota).map(({ status }) => status)).toEqual(Array(quota).fill(200));
    expect(codeOf(answers[quota] as (typeof answers)[number])).toEqual([429, 'RATE_LIMITED']);
  });
});
