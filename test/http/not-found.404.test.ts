import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startService, type TestService } from '../support/service.ts';

let t: TestService;
beforeAll(async () => {
  t = await startService();
});
afterAll(() => t.dispose());

describe('a path that nobody serves', () => {
  it.each([
    '/',
    '/favicon.ico',
    '/.env',
    '/.git/config',
    '/admin',
    '/admin/partners',
    '/metrics',
    '/console',
    '/__proto__',
    '/constructor',
    '/etc/passwd',
    '/getprofile.json',
    '/%00',
    '/%0d%0aset-cookie:x=1',
    '/%E2%80%AE',
    '/.well-known/webfinger',
  ])('%s is 404 in the envelope, without an echo', async (path) => {
    for (const method of ['get', 'post', 'delete', 'options'] as const) {
      const { body, text, headers } = await t.api[method](path).expect(404);
      expect(body.error.code).toBe('NOT_FOUND');
      expect(path === '/' || !text.includes(path)).toBe(true);
      expect(headers).not.toHaveProperty('set-cookie');
    }
  });

  it('with a query of any form', async () => {
    await t.api.get('/nowhere?a[b][c]=1&a=2&__proto__[x]=1&%zz').expect(404);
  });

  it('with a large or compressed body, and the connection goes on', async () => {
    await t.api.post('/nowhere').type('text/plain').send('x'.repeat(1_000_000)).expect(404);
    await t.api.get('/health/live').expect(200);
  });
});

it('no cookie is set for anybody who is not signed in', async () => {
  for (const path of ['/health/live', '/customer_session', '/.well-known/jwks.json']) {
    const { headers } = await t.api.get(path).set('cookie', '__Host-symbolon=s%3Abrought-in.signature');
    expect(headers).not.toHaveProperty('set-cookie');
  }
});
