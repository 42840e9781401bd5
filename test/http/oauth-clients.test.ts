import { decodeJwt, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PUBLIC_URL, startService, type TestService } from '../support/service.ts';
import { connect, registerApp } from '../support/oauth-app.ts';

let t: TestService;
beforeAll(async () => {
  t = await startService();
});
afterAll(() => t.dispose());

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

describe('private_key_jwt (RFC 7523)', () => {
  type Keys = Awaited<ReturnType<typeof generateKeyPair>>;

  const register = async (alg: string, kid?: string) => {
    const keys = await generateKeyPair(alg, { extractable: true });
    const jwk: JWK = { ...(await exportJWK(keys.publicKey)), ...(kid === undefined ? {} : { kid }) };
    const { body } = await t.admin
      .post('/admin/clients')
      .send({ partner: 'north', jwks: { keys: [jwk] } })
      .expect(201);
    expect(body).toMatchObject({ authentication: 'private_key_jwt' });
    expect(body).not.toHaveProperty('client_secret');
    return { keys, clientId: body.client_id as string };
  };
  let jti = 0;
  const claimsOf = (clientId: string, change: Record<string, unknown> = {}) => {
    const now = Math.floor(t.clock.nowMs() / 1000);
    const claims = {
      iss: clientId,
      sub: clientId,
      aud: PUBLIC_URL,
      jti: `jti-${++jti}`,
      iat: now,
      exp: now + 60,
    };
    return Object.fromEntries(
      Object.entries({ ...claims, ...change }).filter(([, value]) => value !== undefined),
    );
  };
  const sign = (keys: Keys, header: { alg: string; [name: string]: unknown }, claims: object) =>
    new SignJWT(claims as never).setProtectedHeader(header).sign(keys.privateKey);
  const ask = (assertion: string, more: Record<string, string> = {}) =>
    t.api
      .post('/oauth/token')
      .type('form')
      .send({
        grant_type: 'client_credentials',
        client_assertion_type: ASSERTION_TYPE,
        client_assertion: assertion,
        ...more,
      });

  it.each(['ES256', 'RS256', 'EdDSA'])(
    'takes an assertion under %s, with either audience, as form',
    async (alg) => {
      const { keys, clientId } = await register(alg);
      for (const aud of [PUBLIC_URL, `${PUBLIC_URL}/oauth/token`]) {
        const { body } = await ask(await sign(keys, { alg }, claimsOf(clientId, { aud }))).expect(200);
        expect(decodeJwt(body.access_token).sub).toBe(clientId);
      }
    },
  );

  it('takes an assertion in its one canonical spelling', async () => {
    const { keys, clientId } = await register('ES256');
    const assertion = await sign(keys, { alg: 'ES256' }, claimsOf(clientId));
    const [header, payload, signature] = assertion.split('.') as [string, string, string];
    // The 64 bytes of a signature leave the last digit four bits that mean nothing.
    const lastDigit = BASE64URL.indexOf(signature.at(-1) as string);
    const respelt = signature.slice(0, -1) + BASE64URL[lastDigit + 1];
    expect(Buffer.from(respelt, 'base64url')).toEqual(Buffer.from(signature, 'base64url'));
    for (const other of [
      `${header}.${payload}.${respelt}`,
      `${header}.${payload}.${signature}==`,
      `${header}.${payload}.${signature.slice(0, 9)} ${signature.slice(9)}`,
      `${header}.${payload}=.${signature}`,
    ])
      await ask(other).expect(401);
    await ask(assertion).expect(200);
  });

  it('takes each jti once', async () => {
    const { keys, clientId } = await register('ES256');
    const assertion = await sign(keys, { alg: 'ES256' }, claimsOf(clientId));
    const answers = await Promise.all(Array.from({ length: 50 }, () => ask(assertion)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(49);
    const anew = await sign(keys, { alg: 'ES256' }, claimsOf(clientId, { jti: `jti-${jti}`, foo: 1 }));
    await ask(anew).expect(401);
  });

  it.each<[string, Record<string, unknown>]>([
    ['another issuer', { iss: 'cl_00000000000000000000' }],
    ['another subject', { sub: 'cl_00000000000000000000' }],
    ['a foreign audience', { aud: 'https://elsewhere.test' }],
    ['a list of audiences', { aud: [PUBLIC_URL] }],
    ['an audience of one character more', { aud: `${PUBLIC_URL}/` }],
    ['no audience', { aud: undefined }],
    ['no expiry', { exp: undefined }],
    ['no jti', { jti: undefined }],
    ['a jti that is a number', { jti: 7 }],
    ['a jti that is too long', { jti: 'x'.repeat(129) }],
  ])('refuses an assertion with %s', async (_what, change) => {
    const { keys, clientId } = await register('ES256');
    const { body } = await ask(await sign(keys, { alg: 'ES256' }, claimsOf(clientId, change))).expect(401);
    expect(body.error).toBe('invalid_client');
  });

  it('refuses what is too old, of the future, or lives longer than five minutes', async () => {
    const { keys, clientId } = await register('ES256');
    const now = Math.floor(t.clock.nowMs() / 1000);
    const statuses: number[] = [];
    for (const change of [
      { exp: now - 61 },
      { iat: now + 61 },
      { nbf: now + 61 },
      { exp: now + 361 },
      { exp: now + 361, iat: undefined },
    ]) {
      const { status } = await ask(await sign(keys, { alg: 'ES256' }, claimsOf(clientId, change)));
      statuses.push(status);
    }
    expect(statuses).toEqual([401, 401, 401, 401, 401]);
  });

  it('looks at no key in a header, no other algorithm, and no other client’s key', async () => {
    const [own, other] = [await register('ES256', 'one'), await register('ES256', 'one')];
    const claims = () => claimsOf(own.clientId);
    const jwk = await exportJWK(other.keys.publicKey);
    await ask(await sign(other.keys, { alg: 'ES256' }, claims())).expect(401);
    await ask(await sign(other.keys, { alg: 'ES256', jwk }, claims())).expect(401);
    await ask(
      await sign(own.keys, { alg: 'ES256', jwk: await exportJWK(own.keys.publicKey) }, claims()),
    ).expect(401);
    await ask(await sign(own.keys, { alg: 'ES256', kid: 'two' }, claims())).expect(401);
    await ask(await sign(own.keys, { alg: 'ES256', kid: 'one' }, claims())).expect(200);
    const secret = Buffer.from(JSON.stringify(await exportJWK(own.keys.publicKey)));
    const symmetric = await new SignJWT(claims()).setProtectedHeader({ alg: 'HS256' }).sign(secret);
    await ask(symmetric).expect(401);
    const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from(JSON.stringify(claims())).toString('base64url')}.`;
    await ask(none).expect(401);
  });

  it('refuses two ways at once, another assertion type, and a secret in its place', async () => {
    const { keys, clientId } = await register('ES256');
    const assertion = () => sign(keys, { alg: 'ES256' }, claimsOf(clientId));
    expect((await ask(await assertion(), { client_secret: 'x' }).expect(400)).body.error).toBe(
      'invalid_request',
    );
    await ask(await assertion(), { client_assertion_type: 'urn:other' }).expect(400);
    await ask(await assertion(), { client_id: t.north.clientId }).expect(401);
    await ask('x.y.z').expect(401);
    await t.api
      .post('/oauth/token')
      .send({ grant_type: 'client_credentials', client_id: clientId })
      .expect(401);
    const { body } = await t.api
      .post('/oauth/token')
      .send({ grant_type: 'client_credentials', client_id: clientId, client_secret: '' })
      .expect(401);
    expect(body.error).toBe('invalid_client');
  });
});

describe('token exchange (RFC 8693)', () => {
  const register = async (partner = 'north') => {
    const { body } = await t.admin
      .post('/admin/clients')
      .send({ partner, grant_types: [EXCHANGE], scopes: ['profile:read'] })
      .expect(201);
    return { client_id: body.client_id as string, client_secret: body.client_secret as string };
  };
  const exchange = (client: Record<string, string>, subject: string, more: Record<string, string> = {}) =>
    t.api
      .post('/oauth/token')
      .type('form')
      .send({
        grant_type: EXCHANGE,
        subject_token: subject,
        subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
        ...client,
        ...more,
      });

  it('gives a partner that holds a customer token an access token that names the customer', async () => {
    const { JWT, customer_id: customerId } = await t.signIn();
    const { body } = await exchange(await register(), JWT).expect(200);
    expect(body).toMatchObject({
      token_type: 'Bearer',
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      scope: 'profile:read',
    });
    expect(body).not.toHaveProperty('refresh_token');
    expect(decodeJwt(body.access_token).sub).toBe(customerId);
    const answer = await t.api
      .post('/getprofile')
      .set('authorization', `Bearer ${body.access_token}`)
      .expect(200);
    expect(answer.body.customer_id).toBe(customerId);
  });

  it('gives nothing that outlives the customer token or its session', async () => {
    const { body: short } = await t.api
      .post('/customer_authenticate')
      .send({ username: 'mira', password: 'correct horse battery staple', channel: 'app' })
      .expect(200);
    const { body } = await exchange(await register(), short.JWT).expect(200);
    expect(body.expires_in).toBe(60);
    const cookie = await t.signInWithCookie();
    const own = { cookie, origin: 'https://shop.test', 'x-symbolon-csrf': '1' };
    const { body: renewed } = await t.api.post('/customer_session/token').set(own).expect(200);
    const { body: bound } = await exchange(await register(), renewed.JWT).expect(200);
    const asked = () => t.api.post('/getprofile').set('authorization', `Bearer ${bound.access_token}`);
    await asked().expect(200);
    await t.api.delete('/customer_session').set(own).expect(204);
    await asked().expect(401);
    await exchange(await register(), renewed.JWT).expect(400);
  });

  it('refuses a customer of another partner like one that is unknown', async () => {
    const { JWT } = await t.signIn('south', 'noor');
    const client = await register('north');
    const foreign = await exchange(client, JWT).expect(400);
    const unknown = await exchange(client, 'eyJ.eyJ.xx').expect(400);
    expect(foreign.body).toEqual(unknown.body);
    expect(foreign.body.error).toBe('invalid_request');
  });

  it('refuses other tokens, types, actors and targets', async () => {
    const client = await register();
    const { JWT } = await t.signIn();
    await exchange(client, await t.accessToken()).expect(400);
    await exchange(client, JWT, { subject_token_type: 'urn:ietf:params:oauth:token-type:saml2' }).expect(400);
    await exchange(client, JWT, {
      requested_token_type: 'urn:ietf:params:oauth:token-type:refresh_token',
    }).expect(400);
    await exchange(client, JWT, { actor_token: JWT }).expect(400);
    expect((await exchange(client, JWT, { audience: 'https://elsewhere.test' }).expect(400)).body.error).toBe(
      'invalid_target',
    );
    expect((await exchange(client, JWT, { scope: 'admin' }).expect(400)).body.error).toBe('invalid_scope');
    const north = { client_id: t.north.clientId, client_secret: t.north.clientSecret };
    expect((await exchange(north, JWT).expect(400)).body.error).toBe('unauthorized_client');
    t.clock.advance(15 * 60_000);
    await exchange(client, JWT).expect(400);
  });
});

describe('registration', () => {
  const register = (settings: Record<string, unknown>) =>
    t.admin.post('/admin/clients').send({ partner: 'north', ...settings });

  it.each<[string, Record<string, unknown>]>([
    ['plain http', { redirect_uris: ['http://app.test/cb'] }],
    ['a fragment', { redirect_uris: ['https://app.test/cb#x'] }],
    ['user info', { redirect_uris: ['https://a:b@app.test/cb'] }],
    ['a wildcard', { redirect_uris: ['https://*.app.test/cb'] }],
    ['a relative address', { redirect_uris: ['/cb'] }],
    ['script', { application_type: 'native', redirect_uris: ['javascript:alert(1)'] }],
    ['a scheme without a dot', { application_type: 'native', redirect_uris: ['budget:/cb'] }],
    ['a private-use scheme for a web application', { redirect_uris: ['com.example.app:/cb'] }],
    ['a loopback address for a web application', { redirect_uris: ['http://127.0.0.1/cb'] }],
    ['an address that a browser would write otherwise', { redirect_uris: ['https://app.test/a/../cb'] }],
    ['upper case in the host', { redirect_uris: ['https://App.test/cb'] }],
    ['a line break', { redirect_uris: ['https://app.test/cb\r\nx: y'] }],
    ['a code grant without an address', { grant_types: ['authorization_code'] }],
    [
      'an address without the code grant',
      { grant_types: ['client_credentials'], redirect_uris: ['https://app.test/cb'] },
    ],
    ['refresh tokens without codes', { grant_types: ['client_credentials', 'refresh_token'] }],
    ['a public client for itself', { authentication: 'none', grant_types: ['client_credentials'] }],
    [
      'a secret in a browser',
      { application_type: 'spa', authentication: 'secret', redirect_uris: ['https://app.test/cb'] },
    ],
    ['assertions without keys', { authentication: 'private_key_jwt' }],
    ['a symmetric key', { jwks: { keys: [{ kty: 'oct', k: 'AAAA' }] } }],
    ['a key that is none', { jwks: { keys: [{ kty: 'EC', crv: 'P-256', x: 'AAAA', y: 'AAAA' }] } }],
    ['a scope that does not exist', { scopes: ['everything'] }],
    ['a grant that does not exist', { grant_types: ['password'] }],
  ])('refuses %s', async (_what, settings) => {
    const { body } = await register(settings).expect(400);
    expect(body.error.code).toBe('INVALID_REQUEST');
  });

  it('refuses a private key, and two keys that nobody can tell apart', async () => {
    const keys = await generateKeyPair('ES256', { extractable: true });
    const [secret, open] = [await exportJWK(keys.privateKey), await exportJWK(keys.publicKey)];
    await register({ jwks: { keys: [secret] } }).expect(400);
    await register({ jwks: { keys: [open, open] } }).expect(400);
    const weak = await generateKeyPair('RS256', { modulusLength: 2048, extractable: true });
    await register({ jwks: { keys: [{ ...(await exportJWK(weak.publicKey)), alg: 'ES256' }] } }).expect(400);
  });

  it('can be changed later: a redirect address that was taken away leads nowhere', async () => {
    const app = await registerApp(t);
    const change = { redirect_uris: ['https://app.test/new'], label: 'Renamed' };
    const { body } = await t.admin.patch(`/admin/clients/${app.clientId}`).send(change).expect(200);
    expect(body).toMatchObject(change);
    await t.admin.patch(`/admin/clients/${app.clientId}`).send({ redirect_uris: [] }).expect(400);
    await t.admin
      .patch(`/admin/clients/${app.clientId}`)
      .send({ redirect_uris: ['http://x.test'] })
      .expect(400);
    await t.admin.patch('/admin/clients/cl_nobody').send({ label: 'x' }).expect(404);
    await expect(connect(t, app)).rejects.toThrow('no redirect to the app: 400');
  });
});

describe('an app that runs in a browser', () => {
  it('speaks for its origin no longer once it is revoked or its partner disabled', async () => {
    await using other = await startService();
    const allows = async (origin: string) => {
      const { headers } = await other.api.get('/.well-known/jwks.json').set({ origin }).expect(200);
      return headers['access-control-allow-origin'] === origin;
    };
    const of = (name: string) => ({ application_type: 'spa', redirect_uris: [`https://${name}.test/cb`] });
    const app = await registerApp(other, of('one'));
    await registerApp(other, of('two'));
    expect([await allows('https://one.test'), await allows('https://two.test')]).toEqual([true, true]);
    await other.admin.post(`/admin/clients/${app.clientId}/revoke`).expect(200);
    expect([await allows('https://one.test'), await allows('https://two.test')]).toEqual([false, true]);
    await other.admin.patch('/admin/partners/north').send({ disabled: true }).expect(200);
    expect(await allows('https://two.test')).toBe(false);
  });

  it('may call the endpoints for apps from its own origin, without cookies; nobody else may', async () => {
    await registerApp(t, { application_type: 'spa', redirect_uris: ['https://spa.test/cb'] });
    for (const path of ['/oauth/token', '/oauth/revoke', '/getprofile']) {
      const preflight = (origin: string) =>
        t.api.options(path).set({
          origin,
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'authorization,content-type',
        });
      const { headers } = await preflight('https://spa.test').expect(204);
      expect(headers['access-control-allow-origin']).toBe('https://spa.test');
      expect(headers['access-control-allow-headers']).toBe('authorization,content-type');
      expect(headers).not.toHaveProperty('access-control-allow-credentials');
      expect((await preflight('https://evil.test')).headers).not.toHaveProperty(
        'access-control-allow-origin',
      );
    }
    const session = await t.api.get('/customer_session').set('origin', 'https://spa.test');
    expect(session.headers).not.toHaveProperty('access-control-allow-origin');
    const legacy = await t.api.post('/access_token').set('origin', 'https://spa.test').send({});
    expect(legacy.headers).not.toHaveProperty('access-control-allow-origin');
  });
});

describe('the protected resource metadata (RFC 9728)', () => {
  it('names this service as the only one that issues tokens for it', async () => {
    const { body } = await t.api.get('/.well-known/oauth-protected-resource').expect(200);
    expect(body).toMatchObject({
      resource: PUBLIC_URL,
      authorization_servers: [PUBLIC_URL],
      bearer_methods_supported: ['header'],
    });
  });
});
