import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { PASSWORD, startService, type TestService } from '../support/service.ts';

let t: TestService;
const closing: (() => unknown)[] = [];
afterEach(async () => {
  await t.dispose();
  for (const close of closing.splice(0)) close();
});

const ATTACKER = '198.51.100.7';
const HONEST = '203.0.113.9';

const attempt = (from: string, username: string, password: string) =>
  t.api
    .post('/customer_authenticate')
    .set('x-forwarded-for', from)
    .send({ username, password, channel: 'ios' });

const throughProxy = (more: Record<string, unknown> = {}) =>
  startService({
    settings: (all) => ({ ...all, ...more, http: { ...all.http, trusted_proxies: ['127.0.0.1'] } }),
  });

describe('while one address guesses with all its might', () => {
  it('customers elsewhere sign in, and what it sends too much is answered 429 at once', async () => {
    t = await throughProxy();
    const attack = Promise.all(
      Array.from({ length: 160 }, (_, n) => attempt(ATTACKER, `nobody-${n}`, 'guess')),
    );
    const honest = Array.from({ length: 3 }, (_, n) => attempt(HONEST, n === 0 ? 'noor' : 'mira', PASSWORD));
    for (const { status } of await Promise.all(honest)) expect(status).toBe(200);
    const refused = (await attack).filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(60);
    expect(refused[0]?.body.error).toMatchObject({
      code: 'RATE_LIMITED',
      retry_after: 1,
      details: { policy: 'sign-in-under-way', quota: 64 },
    });
    expect(refused[0]?.headers['retry-after']).toBe('1');
  });

  it('what there was no room for is held against nobody, so that a crowd behind one address gets in as fast as it can', async () => {
    t = await throughProxy({
      passwords: { lanes: 1, max_waiting: 0 },
      sign_in: { max_failures_per_address: 12 },
    });
    const statuses: number[] = [];
    for (let round = 0; round < 8; round++) {
      const all = await Promise.all(
        Array.from({ length: 6 }, (_, n) => attempt(HONEST, n % 2 ? 'mira' : 'noor', PASSWORD)),
      );
      statuses.push(...all.map(({ status }) => status));
    }
    expect(new Set(statuses)).toEqual(new Set([200, 503]));
    expect(statuses.filter((status) => status === 503).length).toBeGreaterThan(12);
    await attempt(HONEST, 'mira', PASSWORD).expect(200);
  });
});

it('connections to a log-in API are shared among networks: one that fills them holds nobody up', async () => {
  const held: (() => void)[] = [];
  const api: Server = createServer((req, res) => {
    const parts: Buffer[] = [];
    req.on('data', (part: Buffer) => parts.push(part));
    req.on('end', () => {
      const { password } = JSON.parse(Buffer.concat(parts).toString()) as { password: string };
      const answer = () => {
        res.writeHead(password === 'right' ? 200 : 401, { 'content-type': 'application/json' });
        res.end(password === 'right' ? '{"customer":{"id":"4711"}}' : '{}');
      };
      if (password === 'right') answer();
      else held.push(answer);
    });
  });
  await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve));
  closing.push(() => api.close());
  const { port } = api.address() as AddressInfo;
  t = await startService({
    settings: (all) => ({
      ...all,
      http: { ...all.http, trusted_proxies: ['127.0.0.1'] },
      connections: {
        ...all.connections,
        login: { base_url: `http://127.0.0.1:${port}`, max_connections: 8 },
      },
      authenticators: [
        { name: 'directory', type: 'directory', reference_space: 'directory' },
        {
          name: 'api',
          type: 'http',
          reference_space: 'crm',
          connection: 'login',
          request: { path: '/login' },
          answer: { reference: 'customer.id', refused_statuses: [401] },
        },
      ],
      channels: (all.channels ?? []).map((channel) => ({
        ...channel,
        authenticators: [channel.id === 'ios' ? 'api' : 'directory'],
      })),
    }),
  });
  await attempt(HONEST, 'mira', 'right').expect(200);
  await attempt('203.0.113.10', 'noor', 'right').expect(200);
  const attack = Promise.all(Array.from({ length: 20 }, (_, n) => attempt(ATTACKER, `nobody-${n}`, 'guess')));
  await expect.poll(() => held.length, { timeout: 5_000 }).toBe(4);
  await attempt(HONEST, 'mira', 'right').expect(200);
  const releasing = setInterval(() => held.splice(0).forEach((answer) => answer()), 5);
  closing.push(() => clearInterval(releasing));
  expect(new Set((await attack).map(({ status }) => status))).toEqual(new Set([401]));
});

describe('spellings of one name', () => {
  it('share its failures, and the right password under another one learns nothing', async () => {
    t = await throughProxy({ sign_in: { max_failures_per_account: 4 } });
    for (const name of ['míra', 'MIRA', 'mıra', 'mi\u0323ra'])
      await attempt(ATTACKER, name, 'guess').expect(401);
    await attempt(HONEST, 'mira', PASSWORD).expect(429);
  });
});

it('the right password of a disabled customer is a failure like any wrong one, and forgets none', async () => {
  t = await throughProxy({ sign_in: { max_failures_per_account: 4 } });
  const { customer_id } = await t.signIn('ios', 'mira');
  t.clock.advance(1_000);
  await t.admin.post(`/admin/customers/${customer_id}/disable`).send({ reason: 'left' }).expect(200);
  for (const password of ['wrong', 'wrong', PASSWORD, PASSWORD]) {
    const { body } = await attempt(HONEST, 'mira', password).expect(401);
    expect(body.error.code).toBe('INVALID_CREDENTIALS');
  }
  await attempt(HONEST, 'mira', 'wrong').expect(429);
  await attempt(HONEST, 'mira', PASSWORD).expect(429);
});
