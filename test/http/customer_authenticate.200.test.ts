import { decodeJwt, decodeProtectedHeader } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  COOKIE_NAME,
  PASSWORD,
  PUBLIC_URL,
  SHOP_ORIGIN,
  startService,
  type TestService,
} from '../support/service.ts';

let t: TestService;
beforeAll(async () => {
  t = await startService();
});
afterAll(() => t.dispose());

const credentials = { username: 'mira', password: PASSWORD };

describe('token delivery', () => {
  it('answers a form as curl sends it with four strings, whose lifetime is that of the token', async () => {
    const { body, headers } = await t.api
      .post('/customer_authenticate')
      .type('form')
      .send({ ...credentials, channel: 'ios' })
      .expect(200);
    expect(Object.keys(body as object).sort()).toEqual(['JWT', 'customer_id', 'expires_in', 'issued_at']);
    const claims = decodeJwt(body.JWT);
    expect(body.issued_at).toBe(String(t.clock.nowMs()));
    expect(body.expires_in).toBe(String((claims.exp as number) - (claims.iat as number)));
    expect(claims).toMatchObject({ iss: PUBLIC_URL, aud: 'ios', sub: body.customer_id });
    expect(decodeProtectedHeader(body.JWT)).toMatchObject({ typ: 'customer+jwt', alg: 'ES256' });
    expect(headers).not.toHaveProperty('set-cookie');
  });

  it('takes JSON, and what a browser calls the same type', async () => {
    await t.api
      .post('/customer_authenticate')
      .set('content-type', 'Application/JSON; Charset="UTF-8"')
      .send(JSON.stringify({ ...credentials, channel: 'ios' }))
      .expect(200);
  });

  it('gives every channel of a group the same identifier and another group another one', async () => {
    const ios = await t.signIn('ios');
    expect((await t.signIn('web')).customer_id).toBe(ios.customer_id);
    expect((await t.signIn('south')).customer_id).not.toBe(ios.customer_id);
    expect((await t.signIn('ios', 'noor')).customer_id).not.toBe(ios.customer_id);
  });

  it('follows the lifetime of the channel', async () => {
    const { JWT } = await t.signIn('app');
    const { exp, iat } = decodeJwt(JWT);
    expect((exp as number) - (iat as number)).toBe(60);
  });

  it('puts nothing readable about the person into the token', async () => {
    const { JWT } = await t.signIn('ios');
    const text = JWT.split('.')
      .slice(0, 2)
      .map((part) => Buffer.from(part, 'base64url').toString())
      .join();
    expect(text).not.toMatch(/\bmira\b|\b4711\b/);
    expect(Object.keys(decodeJwt(JWT)).sort()).toEqual([
      'aud',
      'auth_time',
      'exp',
      'iat',
      'iss',
      'jti',
      'ref',
      'sid',
      'sub',
    ]);
  });

  it('makes tokens of one length for references of different length', async () => {
    const person = { username: 'long', password: PASSWORD, reference: 'x'.repeat(40) };
    await t.admin.post('/admin/directories/directory/users').send(person).expect(201);
    const long = await t.signIn('ios', 'long');
    expect(long.JWT.length).toBe((await t.signIn('ios')).JWT.length);
  });

  it('knows a customer whatever the case of the user name', async () => {
    const mira = await t.signIn();
    expect((await t.signIn('ios', 'MIRA')).customer_id).toBe(mira.customer_id);
  });

  it('ignores members that it does not know, prototype names too', async () => {
    const text = `{"username":"mira","password":"${PASSWORD}","channel":"ios","__proto__":{"delivery":"cookie"},"constructor":1}`;
    const { headers } = await t.api
      .post('/customer_authenticate')
      .set('content-type', 'application/json')
      .send(text)
      .expect(200);
    expect(headers).not.toHaveProperty('set-cookie');
  });
});

describe('cookie delivery', () => {
  const signIn = () => t.api.post('/customer_authenticate').send({ ...credentials, channel: 'web' });

  it('sets a signed __Host- cookie that scripts cannot read, and hands out no token', async () => {
    const { body, headers } = await signIn().expect(200);
    expect(body).not.toHaveProperty('JWT');
    const [cookie = '', ...more] = headers['set-cookie'] as unknown as string[];
    expect(more).toEqual([]);
    const [pair, ...attributes] = cookie.split('; ');
    expect(pair).toMatch(new RegExp(`^${COOKIE_NAME}=s%3A[A-Za-z0-9_-]{22,}\\.[A-Za-z0-9%+/]+$`));
    expect(attributes.sort()).toEqual(['HttpOnly', 'Path=/', 'SameSite=Lax', 'Secure']);
  });

  it('is allowed for a page of the channel', async () => {
    const { headers } = await signIn().set('origin', SHOP_ORIGIN).expect(200);
    expect(headers['access-control-allow-origin']).toBe(SHOP_ORIGIN);
    expect(headers['access-control-allow-credentials']).toBe('true');
  });

  it('states the life of the session', async () => {
    const { body } = await signIn().expect(200);
    expect(body.expires_in).toBe('28800');
  });

  it('never keeps a session id that was brought in', async () => {
    const before = await t.signInWithCookie();
    const { headers } = await signIn().set('cookie', before).expect(200);
    const after = (headers['set-cookie'] as unknown as string[])[0]?.split(';')[0];
    expect(after).not.toBe(before);
    await t.api.get('/customer_session').set('cookie', before).expect(401);
    await t.api.get('/customer_session').set('cookie', String(after)).expect(200);
  });

  it('is partitioned where it must work inside a foreign page', async () => {
    await using embedded = await startService({
      settings: (all) => ({ ...all, sessions: { same_site: 'none' } }),
    });
    const { headers } = await embedded.api
      .post('/customer_authenticate')
      .send({ ...credentials, channel: 'web' })
      .expect(200);
    const attributes = String(headers['set-cookie']).split('; ').slice(1).sort();
    expect(attributes).toEqual(['HttpOnly', 'Partitioned', 'Path=/', 'SameSite=None', 'Secure']);
  });
});
