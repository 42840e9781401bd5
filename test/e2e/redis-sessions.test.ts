/** Sessions on a real Redis server, which is killed and comes back while the service goes on. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from 'redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RedisServer, redisMissing, startRedis } from '../support/redis.ts';
import { configure, type ServeProcess, serve } from './serve-process.ts';

const missing = redisMissing();
const PASSWORD = 'correct horse battery staple';
const REFERENCE = 'kundin-4711';
const IDLE_SECONDS = 600;

let folder: string;
let redis: RedisServer;
let service: ServeProcess;

beforeAll(async () => {
  if (missing) return;
  folder = mkdtempSync(join(tmpdir(), 'symbolon-redis-sessions-'));
  redis = await startRedis();
  configure(folder, {
    storage: { redis_url: redis.url },
    sessions: { idle_seconds: IDLE_SECONDS, absolute_seconds: 3_600 },
    channels: [{ id: 'web', group: 'default' }],
  });
  service = await serve(folder);
  const user = { username: 'mira', password: PASSWORD, reference: REFERENCE };
  await service.admin('POST', '/admin/directories/directory/users', user);
});
afterAll(async () => {
  if (missing) return;
  await service.end('SIGKILL');
  await redis.stop();
  rmSync(folder, { recursive: true, force: true });
});

const signIn = (delivery: 'cookie' | 'token') =>
  fetch(`${service.url}/customer_authenticate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: 'mira', password: PASSWORD, delivery }),
  });

const SESSION = 'symbolon:session:';
const cookieOf = (response: Response) => response.headers.getSetCookie()[0]?.split(';')[0] ?? '';
const whoIs = (cookie: string) => fetch(`${service.url}/customer_session`, { headers: { cookie } });

/** Everything that Redis holds: its keys with their lives in seconds, and all of its text. */
async function dump(): Promise<{ keys: { key: string; ttlSeconds: number }[]; text: string }> {
  const client = createClient({ url: redis.url });
  await client.connect();
  try {
    const names = await client.keys('*');
    const keys = await Promise.all(names.map(async (key) => ({ key, ttlSeconds: await client.ttl(key) })));
    const values = await Promise.all(
      names.map(async (key) => ((await client.type(key)) === 'string' ? client.get(key) : '')),
    );
    return { keys, text: [...names, ...values].join('\n') };
  } finally {
    client.destroy();
  }
}

describe.skipIf(missing)('sessions on Redis', () => {
  it('survive a restart of the service', async () => {
    const answer = await signIn('cookie');
    expect(answer.status).toBe(200);
    const { customer_id: customerId } = (await answer.json()) as { customer_id: string };
    expect(await service.end('SIGTERM')).toMatchObject({ code: 0 });
    service = await serve(folder);
    const session = await whoIs(cookieOf(answer));
    expect(session.status).toBe(200);
    expect(await session.json()).toMatchObject({ customer_id: customerId });
  });

  it('are written with an end, each of them', async () => {
    for (let n = 0; n < 5; n++) await signIn('cookie');
    const { keys } = await dump();
    expect(keys.filter(({ ttlSeconds }) => ttlSeconds <= 0)).toEqual([]);
    const sessions = keys.filter(({ key }) => key.startsWith(SESSION));
    expect(sessions.length).toBeGreaterThanOrEqual(5);
    expect(sessions.filter(({ ttlSeconds }) => ttlSeconds > IDLE_SECONDS)).toEqual([]);
  });

  it('give a thief of their dump neither a cookie nor a name', async () => {
    const cookie = cookieOf(await signIn('cookie'));
    const value = decodeURIComponent(cookie.slice(cookie.indexOf('=') + 1));
    const id = value.slice(2, value.lastIndexOf('.'));
    const { keys, text } = await dump();
    for (const part of [id, value.slice(value.lastIndexOf('.') + 1), REFERENCE, 'mira', PASSWORD]) {
      expect(text).not.toContain(part);
    }
    for (const { key } of keys) {
      const digest = key.slice(key.lastIndexOf(':') + 1);
      for (const tried of [digest, `s:${digest}`, `s:${digest}.${value.slice(value.lastIndexOf('.') + 1)}`]) {
        expect((await whoIs(`__Host-symbolon=${encodeURIComponent(tried)}`)).status).toBe(401);
      }
    }
    expect((await whoIs(cookie)).status).toBe(200);
  });

  it('end everywhere at sign-out', async () => {
    const cookie = cookieOf(await signIn('cookie'));
    const kept = async () => (await dump()).keys.filter(({ key }) => key.startsWith(SESSION)).length;
    const before = await kept();
    const headers = { cookie, 'x-symbolon-csrf': '1', origin: 'http://localhost:8080' };
    const signedOut = await fetch(`${service.url}/customer_session`, { method: 'DELETE', headers });
    expect(signedOut.status).toBe(204);
    expect((await whoIs(cookie)).status).toBe(401);
    expect(await kept()).toBe(before - 1);
  });

  it('are "unavailable" within two seconds while Redis is away, everything else goes on, and no restart is needed', async () => {
    const cookie = cookieOf(await signIn('cookie'));
    await redis.kill();
    const quickly = async (call: () => Promise<Response>) => {
      const startedMs = performance.now();
      const response = await call();
      expect(performance.now() - startedMs).toBeLessThan(2_000);
      return response;
    };
    for (let n = 0; n < 3; n++) {
      for (const call of [() => whoIs(cookie), () => signIn('cookie')]) {
        const response = await quickly(call);
        expect(response.status).toBe(503);
        expect(await response.json()).toMatchObject({ error: { code: 'STORE_UNAVAILABLE' } });
        expect(response.headers.getSetCookie()).toEqual([]);
      }
    }
    expect((await quickly(() => signIn('token'))).status).toBe(200);
    expect((await quickly(() => fetch(`${service.url}/.well-known/jwks.json`))).status).toBe(200);
    expect((await quickly(() => fetch(`${service.url}/health/live`))).status).toBe(200);
    expect((await quickly(() => fetch(`${service.url}/health/ready`))).status).toBe(503);

    await redis.start();
    const ready = async () => (await fetch(`${service.url}/health/ready`)).status;
    await expect.poll(ready, { interval: 50, timeout: 10_000 }).toBe(200);
    // It came back empty: the old session is over, a new one works.
    expect((await whoIs(cookie)).status).toBe(401);
    const again = await signIn('cookie');
    expect(again.status).toBe(200);
    expect((await whoIs(cookieOf(again))).status).toBe(200);
  }, 60_000);

  it('do not keep the service from starting while Redis is away', async () => {
    await service.end('SIGTERM');
    await redis.kill();
    service = await serve(folder);
    expect((await signIn('token')).status).toBe(200);
    expect((await signIn('cookie')).status).toBe(503);
    await redis.start();
    const signsIn = async () => (await signIn('cookie')).status;
    await expect.poll(signsIn, { interval: 100, timeout: 10_000 }).toBe(200);
  }, 60_000);
});
