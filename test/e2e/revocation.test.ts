/** How soon something that was taken back is refused, measured on processes of their own under steady calls. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { postgresMissing, startPostgres } from '../support/postgres.ts';
import { redisMissing, startRedis } from '../support/redis.ts';
import { configure, type ServeProcess, serve } from './serve-process.ts';

const PASSWORD = 'correct horse battery staple';
const CALLERS = 4;
/** DESIGN: everywhere within one second. */
const BOUND_MS = 1_000;
const GIVE_UP_MS = 5_000;
const REFUSED_IN_A_ROW = 40;

/** Settings without limits, so that steady calls are refused for the one reason alone. */
const SETTINGS = {
  channels: [{ id: 'app', group: 'north', delivery: 'token' as const }],
  default_channel: 'app',
  limits: {
    defaults: { api_key: 'unlimited', client: 'unlimited', partner: 'unlimited' },
    failures: { max_per_address: 1_000_000 },
  },
};

interface Case {
  what: string;
  /** Makes something that may be used, and says how to use it and how to take it back. */
  prepare(service: ServeProcess): Promise<{
    use: (url: string) => Promise<number>;
    takeBack: () => Promise<unknown>;
  }>;
}

const whoami = async (url: string, headers: Record<string, string>) => {
  const response = await fetch(`${url}/whoami`, { headers });
  await response.arrayBuffer();
  return response.status;
};

async function makeKey(service: ServeProcess) {
  const key = await service.admin('POST', '/admin/api-keys', { partner: 'north' });
  const use = (url: string) => whoami(url, { authorization: `Bearer ${key['secret'] as string}` });
  return { keyId: key['key_id'] as string, use };
}

async function makeToken(service: ServeProcess) {
  const made = await service.admin('POST', '/admin/clients', {
    partner: 'north',
    scopes: ['profile:read', 'whoami'],
  });
  const clientId = made['client_id'] as string;
  const basic = Buffer.from(`${clientId}:${made['client_secret'] as string}`).toString('base64');
  const response = await fetch(`${service.url}/oauth/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${basic}`, 'content-type': 'application/x-www-form-urlencoded' },
    body: 'grant_type=client_credentials',
  });
  const { access_token } = (await response.json()) as { access_token: string };
  const use = (url: string) => whoami(url, { authorization: `Bearer ${access_token}` });
  return { clientId, use };
}

async function signIn(service: ServeProcess, username = 'mira') {
  const response = await fetch(`${service.url}/customer_authenticate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username, password: PASSWORD, delivery: 'cookie' }),
  });
  const { customer_id } = (await response.json()) as { customer_id: string };
  const cookie = response.headers.getSetCookie()[0]?.split(';')[0] as string;
  const use = async (url: string) => {
    const answer = await fetch(`${url}/customer_session`, { headers: { cookie } });
    await answer.arrayBuffer();
    return answer.status;
  };
  return { customerId: customer_id, cookie, use };
}

const CASES: Case[] = [
  {
    what: 'a revoked API key',
    prepare: async (service) => {
      const { keyId, use } = await makeKey(service);
      return { use, takeBack: () => service.admin('POST', `/admin/api-keys/${keyId}/revoke`) };
    },
  },
  {
    what: 'a compromised secret',
    prepare: async (service) => {
      const { keyId, use } = await makeKey(service);
      return { use, takeBack: () => service.admin('POST', `/admin/api-keys/${keyId}/compromised`, {}) };
    },
  },
  {
    what: 'the access token of a revoked client',
    prepare: async (service) => {
      const { clientId, use } = await makeToken(service);
      return { use, takeBack: () => service.admin('POST', `/admin/clients/${clientId}/revoke`) };
    },
  },
  {
    what: 'the access token of a compromised client secret',
    prepare: async (service) => {
      const { clientId, use } = await makeToken(service);
      return { use, takeBack: () => service.admin('POST', `/admin/clients/${clientId}/compromised`, {}) };
    },
  },
  {
    what: 'a session of a customer whose sessions were ended',
    prepare: async (service) => {
      const { customerId, use } = await signIn(service);
      const path = `/admin/customers/${customerId}/end-sessions`;
      return { use, takeBack: () => service.admin('POST', path, { reason: 'lost device' }) };
    },
  },
  ...(['disable', 'erase'] as const).map((what) => ({
    what: `a session of a customer who is ${what}d`,
    prepare: async (service: ServeProcess) => {
      const username = `${what}-${Date.now()}`;
      const user = { username, password: PASSWORD, reference: username };
      await service.admin('POST', '/admin/directories/directory/users', user);
      const { customerId, use } = await signIn(service, username);
      const path = `/admin/customers/${customerId}/${what}`;
      return { use, takeBack: () => service.admin('POST', path, { reason: 'ticket 4711' }) };
    },
  })),
  {
    what: 'a session that the customer ended',
    prepare: async (service) => {
      const { cookie, use } = await signIn(service);
      const headers = { cookie, 'x-symbolon-csrf': '1', origin: 'http://localhost:8080' };
      const takeBack = async () => {
        const { status } = await fetch(`${service.url}/customer_session`, { method: 'DELETE', headers });
        expect(status).toBe(204);
      };
      return { use, takeBack };
    },
  },
  {
    what: 'the access token of a signing key that leaked',
    prepare: async (service) => {
      const { use } = await makeToken(service);
      const body = { ring: 'access', emergency: true };
      return { use, takeBack: () => service.admin('POST', '/admin/signing-keys/rotate', body) };
    },
  },
  {
    what: 'a key of a disabled partner',
    prepare: async (service) => {
      const { use } = await makeKey(service);
      return { use, takeBack: () => service.admin('PATCH', '/admin/partners/north', { disabled: true }) };
    },
  },
];

/** One call: when it began, and what came of it. */
interface Call {
  beganMs: number;
  status: number;
}

/**
 * Calls without a pause at `url`, takes back in the middle, and goes on until only refusals come. Returns how long
 * after the answer to the taking back the last call began that was still served.
 */
async function measure(
  use: (url: string) => Promise<number>,
  url: string,
  takeBack: () => Promise<unknown>,
): Promise<{ lastServedAfterMs: number; served: number }> {
  const calls: Call[] = [];
  let doneMs = Infinity;
  const goesOn = () => {
    if (performance.now() - doneMs > GIVE_UP_MS) return false;
    const after = calls.filter(({ beganMs }) => beganMs >= doneMs);
    return (
      after.length < REFUSED_IN_A_ROW || after.slice(-REFUSED_IN_A_ROW).some(({ status }) => status === 200)
    );
  };
  const caller = async () => {
    while (goesOn()) {
      const beganMs = performance.now();
      calls.push({ beganMs, status: await use(url) });
    }
  };
  const callers = Array.from({ length: CALLERS }, caller);
  await expect.poll(() => calls.filter(({ status }) => status === 200).length).toBeGreaterThan(20);
  await takeBack();
  doneMs = performance.now();
  await Promise.all(callers);
  expect(new Set(calls.map(({ status }) => status))).toEqual(new Set([200, 401]));
  const late = calls.filter(({ beganMs, status }) => beganMs >= doneMs && status === 200);
  return {
    lastServedAfterMs: Math.max(0, ...late.map(({ beganMs }) => beganMs - doneMs)),
    served: late.length,
  };
}

async function seed(service: ServeProcess): Promise<void> {
  await service.admin('POST', '/admin/partners', {
    id: 'north',
    channel_groups: ['north'],
    tier: 'unlimited',
  });
  const user = { username: 'mira', password: PASSWORD, reference: '4711' };
  await service.admin('POST', '/admin/directories/directory/users', user);
}

describe('on a single process', () => {
  let folder: string;
  let service: ServeProcess;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'symbolon-revocation-'));
    configure(folder, SETTINGS);
    service = await serve(folder);
    await seed(service);
  });
  afterAll(async () => {
    await service.end('SIGTERM');
    rmSync(folder, { recursive: true, force: true });
  });

  it.each(CASES)('$what is refused at once: no later call is served', async ({ prepare }) => {
    const { use, takeBack } = await prepare(service);
    expect(await measure(use, service.url, takeBack)).toEqual({ lastServedAfterMs: 0, served: 0 });
  });
});

const missing = [postgresMissing(), redisMissing()].filter((why) => why !== undefined).join(', ');

describe.skipIf(missing !== '')(`on two processes ${missing}`, () => {
  const folders: string[] = [];
  const services: ServeProcess[] = [];
  let postgres: Awaited<ReturnType<typeof startPostgres>>;
  let redis: Awaited<ReturnType<typeof startRedis>>;
  beforeAll(async () => {
    [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
    const database_url = await postgres.createDatabase();
    const encryption_keys = [
      Buffer.from(Array.from({ length: 32 }, (_, i) => (i * 37 + 11) % 256)).toString('base64'),
    ];
    for (let n = 0; n < 2; n++) {
      const folder = mkdtempSync(join(tmpdir(), 'symbolon-revocation-'));
      folders.push(folder);
      configure(folder, {
        ...SETTINGS,
        keys: { encryption_keys },
        storage: { database_url, redis_url: redis.url },
      });
      services.push(await serve(folder));
    }
    await seed(services[0] as ServeProcess);
  });
  afterAll(async () => {
    await Promise.all(services.map((one) => one.end('SIGTERM')));
    await Promise.all([postgres.stop(), redis.stop()]);
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  });

  it.each(CASES)('$what is refused by the other process within a second', async ({ prepare }) => {
    const [here, there] = services as [ServeProcess, ServeProcess];
    const { use, takeBack } = await prepare(here);
    await expect.poll(() => use(there.url), { timeout: BOUND_MS * 2 }).toBe(200);
    const { lastServedAfterMs } = await measure(use, there.url, takeBack);
    expect(lastServedAfterMs).toBeLessThan(BOUND_MS);
  });
});
