import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SHOP_ORIGIN, startService, type TestService } from '../support/service.ts';

let t: TestService;
beforeAll(async () => {
  t = await startService();
});
afterAll(() => t.dispose());

/** What a caller can tell of an answer, without what differs from one to the next. */
async function answerOf(method: string, path: string) {
  const answer = await fetch(t.url + path, { method, headers: { origin: SHOP_ORIGIN }, redirect: 'manual' });
  const headers = new Headers(answer.headers);
  const id = headers.get('x-request-id') ?? 'none';
  for (const own of ['date', 'x-request-id', 'ratelimit', 'content-length']) headers.delete(own);
  const text = (await answer.text()).replaceAll(id, '').replaceAll(/[\w-]{43,}/g, '');
  return { status: answer.status, text, headers: Object.fromEntries(headers) };
}

const PATHS = [
  '/health/live',
  '/getprofile',
  '/access_token',
  '/customer_authenticate',
  '/customer_session',
  '/customer_session/token',
  '/oauth/token',
  '/oauth/authorize',
  '/whoami',
  '/.well-known/jwks.json',
  '/nowhere',
];

describe.each(PATHS)('%s', (path) => {
  it.each(['GET', 'HEAD', 'POST', 'DELETE', 'PUT', 'OPTIONS'])(
    'answers %s alike whether or not a query keeps it from the short way to its endpoint',
    async (method) => {
      expect(await answerOf(method, path)).toEqual(await answerOf(method, `${path}?`));
    },
  );
});

it('no spelling of a path but its own leads to its endpoint', async () => {
  for (const path of ['/Health/live', '/health/live/', '//health/live', '/health//live', '/health%2Flive']) {
    expect((await answerOf('GET', path)).status).toBe(404);
  }
});

it('an alias below a path with a variable part is that path’s, as Express has it, with a query and without', async () => {
  await using other = await startService({
    settings: (all) => ({
      ...all,
      http: { ...all.http, aliases: { customer_authenticate: ['/partners/x/y', '/log-in'] } },
    }),
  });
  const codeOf = async (path: string) => {
    const answer = await fetch(other.url + path, { method: 'POST' });
    return ((await answer.json()) as { error: { code: string } }).error.code;
  };
  for (const path of ['/partners/x/y', '/partners/x/y?'])
    expect(await codeOf(path)).toBe('INVALID_ACCESS_TOKEN');
  for (const path of ['/log-in', '/log-in?']) expect(await codeOf(path)).toBe('INVALID_REQUEST');
});
