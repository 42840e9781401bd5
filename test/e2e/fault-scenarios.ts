/**
 * Faults that a service must get over, each as one scenario with a size: `npm test` runs them small, `npm run
 * test:faults` in full. Each says what broke by throwing.
 */
import { randomInt } from 'node:crypto';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import { Client } from 'pg';
import { expect } from 'vitest';
import { authenticate, type Fleet, PASSWORD } from './fleet.ts';
import { PUBLIC_URL, type ServeProcess } from './serve-process.ts';

/** Statuses of calls that were answered, `0` for one whose connection broke, and the slowest of them. */
export interface Load {
  counts: Map<number, number>;
  slowestMs: number;
  stop(): Promise<void>;
}

/** Makes one call after the other from several callers until it is stopped. */
export function startLoad(callers: number, call: () => Promise<number>): Load {
  const work = { goesOn: true };
  const load: Load = { counts: new Map(), slowestMs: 0, stop: async () => {} };
  const caller = async () => {
    while (work.goesOn) {
      const startedMs = performance.now();
      const status = await call().catch(() => 0);
      load.slowestMs = Math.max(load.slowestMs, performance.now() - startedMs);
      load.counts.set(status, (load.counts.get(status) ?? 0) + 1);
    }
  };
  const all = Array.from({ length: callers }, caller);
  load.stop = async () => {
    work.goesOn = false;
    await Promise.all(all);
  };
  return load;
}

export const answered = ({ counts }: Load): number => [...counts.values()].reduce((sum, n) => sum + n, 0);

export async function get(url: string, headers: Record<string, string> = {}): Promise<number> {
  const response = await fetch(url, { headers, signal: AbortSignal.timeout(10_000) });
  await response.arrayBuffer();
  return response.status;
}

/** A partner with a key that may ask who it is, and a customer. */
export async function seed(service: ServeProcess): Promise<{ key: Record<string, string> }> {
  await service.admin('POST', '/admin/partners', { id: 'north', channel_groups: ['chat'], tier: 'many' });
  const key = await service.admin('POST', '/admin/api-keys', { partner: 'north' });
  const user = { username: 'mira', password: PASSWORD, reference: '4711' };
  await service.admin('POST', '/admin/directories/directory/users', user);
  return { key: { authorization: `Bearer ${key['secret'] as string}` } };
}

/** Settings of every scenario: no limit but the sign-in's stands in the way. */
export const SETTINGS = {
  default_channel: 'web',
  channels: [
    { id: 'web', group: 'chat' },
    { id: 'ios', group: 'chat', delivery: 'token' as const, refresh_tokens: {} },
  ],
  limits: {
    tiers: { many: [{ quota: 1_000_000, window_seconds: 1 }] },
    defaults: { api_key: 'many', client: 'many', partner: 'many' },
    // Callers with an ended session ask again at once, so the limit on failures must not stop the load.
    failures: { max_per_address: 1_000_000 },
  },
};

const signIn = (url: string, channel: string) =>
  authenticate(url, { username: 'mira', password: PASSWORD, channel });
const session = (url: string, cookie: string) => get(`${url}/customer_session`, { cookie });

/** Every process serves again, without a restart, within ten seconds. */
async function allServe(fleet: Fleet): Promise<void> {
  for (const { opsUrl } of fleet.processes) {
    const ready = () => get(`${opsUrl}/health/ready`).catch(() => 0);
    await expect.poll(ready, { timeout: 10_000, interval: 50 }).toBe(200);
  }
}

/** SECURITY F1: within 2 s an answer, nobody wrong let in, back within ten seconds without a restart. */
async function whileAway(
  fleet: Fleet,
  { cookie, away }: { cookie: string; away: () => Promise<void> },
  comeBack: () => Promise<void>,
): Promise<void> {
  const one = fleet.processes[0] as ServeProcess;
  const load = startLoad(4, () => session(one.url, cookie));
  const strangers = startLoad(1, () => session(one.url, `${cookie.slice(0, -3)}abc`));
  await expect.poll(() => load.counts.get(200) ?? 0, { timeout: 10_000 }).toBeGreaterThan(5);
  await away();
  await expect.poll(() => load.counts.get(503) ?? 0, { timeout: 10_000 }).toBeGreaterThan(10);
  expect(await get(`${one.url}/.well-known/jwks.json`)).toBe(200);
  expect(await get(`${one.url}/health/ready`)).toBe(503);
  await comeBack();
  await expect.poll(() => session(one.url, cookie), { timeout: 10_000, interval: 50 }).not.toBe(503);
  await Promise.all([load.stop(), strangers.stop()]);
  expect(load.slowestMs).toBeLessThan(2_000);
  expect([...load.counts.keys()].filter((status) => ![200, 401, 503].includes(status))).toEqual([]);
  expect(strangers.counts.get(200)).toBeUndefined();
  await allServe(fleet);
}

/** Redis is killed and comes back empty: sessions are over, nothing hangs. */
export async function redisKilled(fleet: Fleet, times: number): Promise<void> {
  for (let n = 0; n < times; n++) {
    const { cookie } = await signIn(fleet.url, 'web');
    await whileAway(fleet, { cookie, away: () => fleet.redis.kill() }, () => fleet.redis.start());
  }
}

/** Redis accepts and says nothing; then it goes on with all that it held. */
export async function redisPaused(fleet: Fleet): Promise<void> {
  const { cookie } = await signIn(fleet.url, 'web');
  const signal = async (name: NodeJS.Signals) => void process.kill(fleet.redis.pid(), name);
  await whileAway(fleet, { cookie, away: () => signal('SIGSTOP') }, () => signal('SIGCONT'));
  expect(await session(fleet.url, cookie)).toBe(200);
}

/** PostgreSQL is restarted under load: what needs it is 503 meanwhile, and all is well after. */
export async function postgresRestarted(fleet: Fleet): Promise<void> {
  const { cookie } = await signIn(fleet.url, 'web');
  const one = fleet.processes[0] as ServeProcess;
  const load = startLoad(2, async () => {
    const outcome = await signIn(one.url, 'ios').then(
      () => 200,
      (error: Error) => Number(error.message.slice(0, 3)),
    );
    return outcome;
  });
  await expect.poll(() => load.counts.get(200) ?? 0, { timeout: 10_000 }).toBeGreaterThan(1);
  await fleet.postgres.kill();
  await expect.poll(() => load.counts.get(503) ?? 0, { timeout: 10_000 }).toBeGreaterThan(1);
  expect(await session(one.url, cookie)).toBe(200);
  await fleet.postgres.start();
  const before = load.counts.get(200) ?? 0;
  await expect.poll(() => load.counts.get(200) ?? 0, { timeout: 10_000 }).toBeGreaterThan(before);
  await load.stop();
  expect(new Set(load.counts.keys())).toEqual(new Set([200, 503]));
  await allServe(fleet);
}

/** A database that takes no writes, or has no connection left, is 503 and never a 500. */
export async function postgresUnfit(fleet: Fleet, how: 'read-only' | 'connections exhausted'): Promise<void> {
  const one = fleet.processes[0] as ServeProcess;
  const name = new URL(fleet.databaseUrl).pathname.slice(1);
  const admin = new Client({ connectionString: fleet.databaseUrl.replace(/[^/]*$/, 'postgres') });
  await admin.connect();
  const endOthers = () =>
    admin.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [name]);
  const setting = how === 'read-only' ? 'set default_transaction_read_only = on' : 'connection limit 0';
  const reset = how === 'read-only' ? 'reset default_transaction_read_only' : 'connection limit -1';
  const statuses = async () => {
    const outcome = await signIn(one.url, 'ios').then(
      () => 200,
      (error: Error) => Number(error.message.slice(0, 3)),
    );
    return outcome;
  };
  try {
    // A superuser is let in beyond the limit of connections: the service must not be one here.
    await admin.query(`alter database ${name} ${setting}`);
    if (how === 'connections exhausted') {
      await admin.query(`alter database ${name} allow_connections false`);
    }
    await endOthers();
    const seen = [await statuses(), await statuses(), await statuses()];
    expect(seen.filter((status) => ![200, 503].includes(status))).toEqual([]);
    expect(seen).toContain(503);
  } finally {
    await admin.query(`alter database ${name} ${reset}`);
    await admin.query(`alter database ${name} allow_connections true`);
    await endOthers();
    await admin.end();
  }
  await expect.poll(statuses, { timeout: 10_000, interval: 200 }).toBe(200);
  await allServe(fleet);
}

/** Processes are replaced one after the other: no call fails, and who is signed in stays signed in. */
export async function rollingRestart(
  fleet: Fleet,
  rounds: number,
  key: Record<string, string>,
): Promise<Load> {
  const { cookie } = await signIn(fleet.url, 'web');
  const load = startLoad(4, () =>
    randomInt(2) ? session(fleet.url, cookie) : get(`${fleet.url}/whoami`, key),
  );
  for (let round = 0; round < rounds; round++) {
    for (let n = 0; n < fleet.processes.length; n++) await fleet.restart(n);
  }
  await load.stop();
  expect(Object.fromEntries(load.counts)).toEqual({ 200: answered(load) });
  return load;
}

/** Signing keys change under load: what any process issues, every process’s key set verifies. */
export async function rotationUnderLoad(fleet: Fleet, rotations: number): Promise<void> {
  const { cookie } = await signIn(fleet.url, 'web');
  const headers = { cookie, 'x-symbolon-csrf': '1', origin: new URL(PUBLIC_URL).origin };
  let verified = 0;
  const load = startLoad(3, async () => {
    const response = await fetch(`${fleet.url}/customer_session/token`, { method: 'POST', headers });
    const { JWT } = (await response.json()) as { JWT: string };
    const keys = (await (await fetch(`${fleet.url}/.well-known/jwks.json`)).json()) as JSONWebKeySet;
    await jwtVerify(JWT, createLocalJWKSet(keys), { issuer: PUBLIC_URL });
    verified += 1;
    return response.status;
  });
  for (let n = 0; n < rotations; n++) {
    const before = verified;
    await (fleet.processes[n % fleet.processes.length] as ServeProcess).admin(
      'POST',
      '/admin/signing-keys/rotate',
      { ring: 'customer' },
    );
    await expect.poll(() => verified, { timeout: 10_000 }).toBeGreaterThan(before + 10);
  }
  await load.stop();
  expect(Object.fromEntries(load.counts)).toEqual({ 200: verified });
}

/** Connections that send their head byte by byte, or nothing, hold up nobody. */
export async function slowLoris(url: string, connections: number): Promise<number> {
  const { hostname, port } = new URL(url);
  const sockets = Array.from({ length: connections }, () => {
    const socket = connect(Number(port), hostname, () =>
      socket.write('POST /customer_authenticate HTTP/1.1\r\nHo'),
    );
    socket.on('error', () => {});
    return socket;
  });
  const latencies: number[] = [];
  try {
    for (let n = 0; n < 100; n++) {
      for (const socket of sockets.slice(n, n + 20)) if (socket.writable) socket.write('s');
      const startedMs = performance.now();
      expect(await get(`${url}/health/live`)).toBe(200);
      latencies.push(performance.now() - startedMs);
    }
  } finally {
    for (const socket of sockets) socket.destroy();
  }
  latencies.sort((a, b) => a - b);
  return latencies[98] as number;
}

/** Every answer of Redis comes half a second late: nobody waits for more than a second, and it is used again when well. */
export async function redisSlow(fleet: Fleet): Promise<void> {
  const { cookie } = await signIn(fleet.url, 'web');
  const one = fleet.processes[0] as ServeProcess;
  const load = startLoad(4, () => session(one.url, cookie));
  for (let n = 0; n < 10; n++) {
    process.kill(fleet.redis.pid(), 'SIGSTOP');
    await pause(500);
    process.kill(fleet.redis.pid(), 'SIGCONT');
    await pause(20);
  }
  await load.stop();
  expect([...load.counts.keys()].filter((status) => ![200, 503].includes(status))).toEqual([]);
  expect(load.slowestMs).toBeLessThan(1_500);
  await expect.poll(() => session(one.url, cookie), { timeout: 10_000, interval: 50 }).toBe(200);
  await allServe(fleet);
}
