import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PUBLIC_URL, startService, type TestService } from '../support/service.ts';

let t: TestService;
beforeAll(async () => {
  t = await startService();
});
afterAll(() => t.dispose());

const grant = { grant_type: 'client_credentials' };
const inBody = () => ({ ...grant, client_id: t.north.clientId, client_secret: t.north.clientSecret });

describe('/access_token, the dialect of ASAPP', () => {
  it('answers with strings, the lifetime being that of the token', async () => {
    const { body, headers } = await t.api
      .post('/access_token')
      .auth(t.north.clientId, t.north.clientSecret)
      .type('form')
      .send(grant)
      .expect(200);
    const claims = decodeJwt(body.access_token);
    expect(body).toEqual({
      token_type: 'Bearer',
      issued_at: String(t.clock.nowMs()),
      client_id: t.north.clientId,
      access_token: body.access_token,
      scope: 'profile:read whoami',
      expires_in: String((claims.exp as number) - (claims.iat as number)),
    });
    expect(body.expires_in).toBe('600');
    expect(headers['pragma']).toBe('no-cache');
  });

  it('takes grant_type from the address, with or without a body', async () => {
    const call = () =>
      t.api.post('/access_token?grant_type=client_credentials').auth(t.north.clientId, t.north.clientSecret);
    await call().expect(200);
    await call().type('form').send({ scope: 'profile:read' }).expect(200);
    await call().type('form').send('').expect(200);
  });

  it('has an alias', async () => {
    await t.api.post('/oauth/access_token').send(inBody()).expect(200);
  });
});

describe('/oauth/token, as RFC 6749 has it', () => {
  it('answers with a number of seconds and no member that the RFC does not know', async () => {
    const { body } = await t.api.post('/oauth/token').type('form').send(inBody()).expect(200);
    expect(body).toEqual({
      access_token: body.access_token,
      token_type: 'Bearer',
      expires_in: 600,
      scope: 'profile:read whoami',
    });
  });
});

it.each(['application/json', 'application/x-www-form-urlencoded', 'text/plain'])(
  'without a body its type does not matter: %s',
  async (type) => {
    await t.api
      .post('/access_token?grant_type=client_credentials')
      .auth(t.north.clientId, t.north.clientSecret)
      .set({ 'content-type': type, 'content-length': '0' })
      .expect(200);
  },
);

describe.each(['/access_token', '/oauth/token'])('%s', (path) => {
  it('takes the secret by Basic or in the body, the body as form or JSON', async () => {
    await t.api.post(path).auth(t.north.clientId, t.north.clientSecret).type('form').send(grant).expect(200);
    await t.api.post(path).auth(t.north.clientId, t.north.clientSecret).send(grant).expect(200);
    await t.api.post(path).type('form').send(inBody()).expect(200);
    await t.api.post(path).send(inBody()).expect(200);
  });

  it('takes the same client id in both places and any case of the scheme', async () => {
    const basic = Buffer.from(`${t.north.clientId}:${t.north.clientSecret}`).toString('base64');
    await t.api
      .post(path)
      .set('authorization', `bAsIc ${basic}`)
      .type('form')
      .send({ ...grant, client_id: t.north.clientId })
      .expect(200);
  });

  it('decodes what Basic carries as a form (RFC 6749 section 2.3.1)', async () => {
    const percent = (text: string) =>
      Buffer.from(text)
        .toString('hex')
        .replaceAll(/../g, (byte) => `%${byte}`);
    await t.api
      .post(path)
      .auth(percent(t.north.clientId), percent(t.north.clientSecret))
      .type('form')
      .send(grant)
      .expect(200);
  });

  it('never gives a refresh token, a cookie or cross-origin access', async () => {
    const { body, headers } = await t.api
      .post(path)
      .set('origin', 'https://shop.test')
      .type('form')
      .send(inBody())
      .expect(200);
    expect(body).not.toHaveProperty('refresh_token');
    expect(headers).not.toHaveProperty('set-cookie');
    expect(Object.keys(headers).filter((name) => name.startsWith('access-control-'))).toEqual([]);
    await t.api
      .options(path)
      .set({ origin: 'https://shop.test', 'access-control-request-method': 'POST' })
      .expect(405);
  });

  it('counts empty parameters as absent and ignores unknown ones (RFC 6749 section 3.2)', async () => {
    const more = { scope: '', code: '', unknown: 'x', __proto__2: 'y', constructor: 'z' };
    await t.api
      .post(path)
      .type('form')
      .send({ ...inBody(), ...more })
      .expect(200);
    await t.api
      .post(path)
      .auth(t.north.clientId, t.north.clientSecret)
      .type('form')
      .send({ ...grant, client_secret: '', client_id: '' })
      .expect(200);
  });

  it('gives a scope that was asked for once, however often it is named', async () => {
    const { body } = await t.api
      .post(path)
      .type('form')
      .send({ ...inBody(), scope: 'profile:read profile:read' })
      .expect(200);
    expect(body.scope).toBe('profile:read');
  });

  it('narrows the scope to what was asked for', async () => {
    const made = await t.admin
      .post('/admin/clients')
      .send({ partner: 'north', scopes: ['profile:read', 'whoami'] })
      .expect(201);
    const { body } = await t.api
      .post(path)
      .auth(made.body.client_id, made.body.client_secret)
      .type('form')
      .send({ ...grant, scope: 'whoami' })
      .expect(200);
    expect(body.scope).toBe('whoami');
    expect(decodeJwt(body.access_token)['scope']).toBe('whoami');
  });

  it('issues tokens for this service alone', async () => {
    const { body } = await t.api.post(path).type('form').send(inBody()).expect(200);
    expect(decodeJwt(body.access_token)).toMatchObject({
      iss: PUBLIC_URL,
      aud: PUBLIC_URL,
      sub: t.north.clientId,
      client_id: t.north.clientId,
    });
  });
});
