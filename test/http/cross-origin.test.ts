import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { rawRequest } from '../support/raw-request.ts';
import { PUBLIC_URL, SHOP_ORIGIN, startService, type TestService } from '../support/service.ts';

let t: TestService;
beforeEach(async () => {
  t = await startService();
});
afterEach(() => t.dispose());

type Client = 'get' | 'post' | 'delete' | 'options';
const OPEN = [
  ['post', '/customer_authenticate'],
  ['get', '/customer_session'],
  ['delete', '/customer_session'],
  ['post', '/customer_session/token'],
  ['get', '/customer_session/devices'],
  ['delete', '/customer_session/devices/7Qm1vJ3sTq2b8yX0aZkR5w'],
] as const;
/** Paths at which a page may show its refresh token in a header. */
const takesToken = (path: string) => path === '/customer_session' || path.includes('/devices');
const CLOSED = [
  ['post', '/getprofile'],
  ['post', '/access_token'],
  ['post', '/oauth/token'],
  ['get', '/health/live'],
  ['get', '/health/ready'],
] as const;

const grants = (headers: Record<string, unknown>) =>
  Object.keys(headers).filter((name) => name.startsWith('access-control-'));
const preflight = (path: string, origin: string, method: string) =>
  t.api.options(path).set({
    origin,
    'access-control-request-method': method.toUpperCase(),
    'access-control-request-headers': 'content-type,x-symbolon-csrf,authorization',
  });

describe.each(OPEN)('%s %s', (method, path) => {
  it('may be called from the pages that channels list, and from our own', async () => {
    for (const origin of [SHOP_ORIGIN, 'https://south.test', PUBLIC_URL]) {
      const { headers } = await preflight(path, origin, method).expect(204);
      expect(headers).toMatchObject({
        'access-control-allow-origin': origin,
        'access-control-allow-credentials': 'true',
        'access-control-allow-headers': `content-type,x-symbolon-csrf${takesToken(path) ? ',authorization' : ''}`,
        vary: 'Origin',
      });
      const answer = await t.api[method as Client](path).set({ origin });
      expect(answer.headers['access-control-allow-origin']).toBe(origin);
      expect(answer.headers['vary']).toBe('Origin');
    }
  });

  it('and from no other, also when it is only almost one of them', async () => {
    for (const origin of [
      'https://evil.test',
      'null',
      'http://shop.test',
      `${SHOP_ORIGIN}.evil.test`,
      `${SHOP_ORIGIN}:444`,
      '',
    ]) {
      expect(grants((await preflight(path, origin, method).expect(405)).headers)).toEqual([]);
      const answer = await t.api[method as Client](path).set({ origin });
      expect(grants(answer.headers)).toEqual([]);
      expect(answer.headers['vary']).toBe('Origin');
    }
  });
});

describe.each(CLOSED)('%s %s', (method, path) => {
  it('is for servers: no page may read it', async () => {
    expect(grants((await preflight(path, SHOP_ORIGIN, method).expect(405)).headers)).toEqual([]);
    const { headers } = await t.api[method as Client](path).set({ origin: SHOP_ORIGIN });
    expect(grants(headers)).toEqual([]);
  });
});

describe('an answer', () => {
  it('is for the origin that asked, whoever asked before on the same connection', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const asked = [SHOP_ORIGIN, 'https://evil.test', 'https://south.test', undefined, SHOP_ORIGIN];
    const told: unknown[] = [];
    for (const origin of asked) {
      const call = get(`${t.url}/customer_session`, {
        agent,
        headers: origin === undefined ? {} : { origin },
      });
      const [answer] = (await once(call, 'response')) as [IncomingMessage];
      told.push(answer.headers['access-control-allow-origin']);
      expect(answer.headers.vary).toBe('Origin');
      await once(answer.resume(), 'end');
    }
    agent.destroy();
    expect(told).toEqual([SHOP_ORIGIN, undefined, 'https://south.test', undefined, SHOP_ORIGIN]);
  });

  it('that may be kept says that it differs from origin to origin, also to who names none', async () => {
    const { headers } = await t.api.get('/.well-known/jwks.json').expect(200);
    expect(headers['cache-control']).toContain('public');
    expect(headers['vary']).toBe('Origin');
  });

  it('that refuses can be read by the page, also where the endpoint was never asked', async () => {
    const refused = await rawRequest(
      t.url,
      `GET /customer_session HTTP/1.1\r\nHost: localhost\r\nOrigin: ${SHOP_ORIGIN}\r\nAuthorization: a\r\nAuthorization: b\r\nConnection: close\r\n\r\n`,
    );
    expect(refused.status).toBe(400);
    expect(refused.headers['access-control-allow-origin']).toBe(SHOP_ORIGIN);
  });
});

describe('security headers', () => {
  it('tell browsers to come back by TLS alone, when the public address is one of TLS', async () => {
    const { headers } = await t.api.get('/health/live').expect(200);
    expect(headers['strict-transport-security']).toBe('max-age=31536000');
    await t.dispose();
    t = await startService({
      settings: ({ behind_tls_proxy: _proxy, ...all }) => ({ ...all, public_url: 'http://127.0.0.1:8080' }),
    });
    expect((await t.api.get('/health/live').expect(200)).headers).not.toHaveProperty(
      'strict-transport-security',
    );
  });

  it('are on every listener and every kind of answer', async () => {
    // The contract client looks at each answer's headers.
    await t.api.get('/nowhere').expect(404);
    await t.api.get('/getprofile').expect(405);
    await t.api.post('/getprofile').expect(401);
    await t.admin.get('/admin/partners').expect(200);
    await t.ops.get('/metrics').expect(200);
  });
});
