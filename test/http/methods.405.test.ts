import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { description } from '../support/contract.ts';
import { rawRequest } from '../support/raw-request.ts';
import { PASSWORD, startService, type TestService } from '../support/service.ts';

let t: TestService;
beforeAll(async () => {
  t = await startService();
});
afterAll(() => t.dispose());

const METHODS = ['get', 'post', 'put', 'patch', 'delete', 'options'] as const;

const patternOf = (template: string) =>
  new RegExp(`^${template.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`);

/** Methods of every documented path that an address fits. */
function methodsOf(path: string): Set<string> {
  const fitting = Object.entries(description.paths).filter(([template]) => patternOf(template).test(path));
  return new Set(fitting.flatMap(([, operations]) => Object.keys(operations)));
}

const paths = Object.entries(description.paths).map(([template, operations]) => {
  const path = template.replaceAll(/\{\w+\}/g, 'x');
  const taken = methodsOf(path);
  return {
    path,
    listener: template.startsWith('/admin') ? 'admin' : template === '/metrics' ? 'ops' : 'api',
    others: METHODS.filter((method) => !taken.has(method)),
    oauth: JSON.stringify(operations).includes('"#/components/schemas/OAuthError"'),
  };
});

describe('another method than the documented ones is 405 and names those', () => {
  it.each(paths)('$path', async ({ path, listener, others, oauth }) => {
    expect(others.length).toBeGreaterThan(0);
    for (const method of others) {
      const { body } = await t[listener as 'api'][method](path).expect(405);
      expect(oauth ? body.error : body.error.code).toBe(oauth ? 'invalid_request' : 'METHOD_NOT_ALLOWED');
    }
  });

  it('also for methods that HTTP does not know here', async () => {
    for (const method of ['PROPFIND', 'PURGE', 'TRACE']) {
      const bytes = `${method} /getprofile HTTP/1.1\r\nHost: x\r\n\r\n`;
      expect(await rawRequest(t.url, bytes)).toMatchObject({ status: 405, headers: { allow: 'POST' } });
    }
  });
});

it('a GET with credentials in the address signs nobody in', async () => {
  const query = `username=mira&password=${encodeURIComponent(PASSWORD)}`;
  await t.api.get(`/customer_authenticate?${query}`).expect(405);
});

it('a method override is no method', async () => {
  const cookie = await t.signInWithCookie();
  const { headers } = await t.api
    .post('/customer_session')
    .set({ cookie, 'x-http-method-override': 'DELETE' })
    .expect(405);
  expect(headers['allow']).toBe('DELETE, GET, HEAD');
  await t.api.get('/customer_session').set('cookie', cookie).expect(200);
});

it('HEAD is GET without a body', async () => {
  const { headers, text } = await t.api.head('/.well-known/jwks.json').expect(200);
  expect(text ?? '').toBe('');
  expect(Number(headers['content-length'])).toBeGreaterThan(100);
});
