/** The service on a database file, killed in the middle of its work. What was answered must have happened. */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tell } from '../support/figures.ts';
import { configure, PUBLIC_URL, type ServeProcess, serve, serveRefused } from './serve-process.ts';

const PASSWORD = 'correct horse battery staple';
/** `npm run test:faults` asks for a hundred. */
const KILLS = Number(process.env['FAULT_KILLS'] ?? 8);
const GROUPS = 40;
const USERS = ['mira', 'noor', 'odo', 'pia', 'quy', 'rike'];

/** A sign-in that was answered. */
interface Answered {
  username: string;
  channel: string;
  customerId: string;
  /** Value of the `Cookie` header, or `undefined` for token delivery. */
  cookie: string | undefined;
  token: string | undefined;
}

let folder: string;
let service: ServeProcess;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'symbolon-crash-'));
  configure(folder, {
    default_channel: 'channel-0',
    channels: Array.from({ length: GROUPS }, (_, n) => ({ id: `channel-${n}`, group: `group-${n}` })),
  });
  service = await serve(folder);
  for (const username of USERS) {
    const user = { username, password: PASSWORD, reference: `reference-of-${username}` };
    await service.admin('POST', '/admin/directories/directory/users', user);
  }
});
afterAll(async () => {
  await service.end('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** Signs in; throws when the service is killed meanwhile. */
async function signIn(username: string, channel: string, delivery: 'cookie' | 'token'): Promise<Answered> {
  const response = await fetch(`${service.url}/customer_authenticate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username, password: PASSWORD, channel, delivery }),
  });
  const body = (await response.json()) as { customer_id: string; JWT?: string };
  if (response.status !== 200) throw new Error(`${response.status} ${JSON.stringify(body)}`);
  const cookie = response.headers.getSetCookie()[0]?.split(';')[0];
  return { username, channel, customerId: body.customer_id, cookie, token: body.JWT };
}

const keySet = async () =>
  (await (await fetch(`${service.url}/.well-known/jwks.json`)).json()) as JSONWebKeySet;

async function whoIs(cookie: string): Promise<{ status: number; customerId: string | undefined }> {
  const response = await fetch(`${service.url}/customer_session`, { headers: { cookie } });
  const { customer_id: customerId } = (await response.json()) as { customer_id?: string };
  return { status: response.status, customerId };
}

/** Many sign-ins at once until the service is killed after some of the answers. */
async function signInUntilKilled(answered: Answered[], killAfter: number): Promise<void> {
  let count = 0;
  let killed: Promise<unknown> | undefined;
  const worker = async () => {
    while (!killed) {
      const username = USERS[randomInt(USERS.length)] as string;
      const channel = `channel-${randomInt(GROUPS)}`;
      try {
        answered.push(await signIn(username, channel, randomInt(2) ? 'cookie' : 'token'));
      } catch (error) {
        if (!killed) throw error;
        return;
      }
      if (++count === killAfter) killed = service.end('SIGKILL');
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  await killed;
}

describe('kill -9 in the middle of sign-ins', () => {
  it(
    'loses no identifier, no session, no key and no audit record that was answered for',
    async () => {
      const answered: Answered[] = [];
      const before = await keySet();
      for (let kill = 0; kill < KILLS; kill++) {
        await signInUntilKilled(answered, randomInt(4, 16));
        service = await serve(folder);

        expect(await keySet()).toEqual(before);
        const keys = createLocalJWKSet(before);
        // Those of the last kills again and again; all identifiers once more below.
        for (const { customerId, channel, cookie, token } of answered.slice(-150)) {
          const proven =
            token === undefined
              ? (await whoIs(cookie as string)).customerId
              : (await jwtVerify(token, keys, { issuer: PUBLIC_URL, audience: channel })).payload.sub;
          expect(proven).toBe(customerId);
        }
        expect(await service.admin('POST', '/admin/audit/verify')).toMatchObject({ ok: true });
      }

      // One identifier for one person in one group, before and after every kill, and it leads to that person.
      const known = new Map<string, string>();
      for (const { username, channel, customerId } of answered) {
        const who = `${username} ${channel}`;
        expect([who, known.get(who) ?? customerId]).toEqual([who, customerId]);
        known.set(who, customerId);
      }
      tell(`sign-in: ${KILLS} kills, ${answered.length} answers, ${known.size} identifiers, none lost`);
      // Of 240 that there can be.
      expect(known.size).toBeGreaterThan(Math.min(KILLS * 3, 150));
      expect(new Set(known.values()).size).toBe(known.size);
      for (const [who, customerId] of known) {
        const [username = '', channel = ''] = who.split(' ');
        const traced = await service.admin('POST', '/admin/identifiers/trace', {
          customer_id: customerId,
          reason: 'crash test',
        });
        expect(traced).toMatchObject({
          reference: `reference-of-${username}`,
          channel_group: channel.replace('channel', 'group'),
        });
      }
      for (const [who, customerId] of [...known].slice(0, 12)) {
        const [username = '', channel = ''] = who.split(' ');
        expect((await signIn(username, channel, 'token')).customerId).toBe(customerId);
      }
    },
    KILLS * 15_000,
  );

  it('during a rotation of every key loses none of what was answered', async () => {
    const one = await signIn('mira', 'channel-1', 'cookie');
    for (const ring of ['customer', 'access'])
      await service.admin('POST', '/admin/signing-keys/rotate', { ring });
    const { version } = await service.admin('POST', '/admin/identifiers/rotate-key');
    const rotated = await keySet();
    await service.admin('POST', '/admin/session-secrets/rotate');
    const underWay = service.admin('POST', '/admin/identifiers/rotate-key').catch(() => undefined);
    await service.end('SIGKILL');
    const answer = await underWay;
    service = await serve(folder);
    expect(await keySet()).toEqual(rotated);
    expect(await whoIs(one.cookie as string)).toEqual({ status: 200, customerId: one.customerId });
    expect((await signIn('mira', 'channel-1', 'token')).customerId).toBe(one.customerId);
    const next = await service.admin('POST', '/admin/identifiers/rotate-key');
    expect(Number(next['version'])).toBeGreaterThan(Number(answer?.['version'] ?? version));
    expect(await service.admin('POST', '/admin/audit/verify')).toMatchObject({ ok: true });
  }, 60_000);
});

describe('a second process on the same database', () => {
  it('refuses to start, says why and what to do, and leaves the first one alone', async () => {
    const { code, said } = await serveRefused(folder);
    expect(code).toBe(1);
    expect(said).toMatch(/Another process uses the database \S+\. Stop it, or use PostgreSQL and Redis/);
    expect(said).not.toMatch(/\n\s+at /);
    expect((await fetch(`${service.opsUrl}/health/ready`)).status).toBe(200);
  }, 60_000);
});

/** One call over a connection of the agent: an idle one where there is one. */
async function exchange(agent: Agent, method: string, path: string, body?: object) {
  const call = request(service.url + path, {
    agent,
    method,
    headers: body ? { 'content-type': 'application/json' } : {},
  });
  call.end(body && JSON.stringify(body));
  const [response] = (await once(call, 'response')) as [IncomingMessage];
  const json = JSON.parse(await text(response)) as Record<string, unknown>;
  return { status: response.statusCode, json, setCookie: response.headers['set-cookie']?.[0] ?? '' };
}

describe('SIGTERM under load', () => {
  it('finishes what is under way, ends with code 0 and is gone within ten seconds', async () => {
    // Connections that stand already: one that the service has not accepted yet carries nothing that is under way.
    const agent = new Agent({ keepAlive: true });
    await Promise.all(USERS.concat(USERS).map(() => exchange(agent, 'GET', '/health/live')));
    const underWay = USERS.concat(USERS).map(async (username, n) => {
      const body = { username, password: PASSWORD, channel: `channel-${n}`, delivery: 'cookie' };
      const { status, json, setCookie } = await exchange(agent, 'POST', '/customer_authenticate', body);
      expect(status).toBe(200);
      return { cookie: setCookie.split(';')[0] as string, customerId: json['customer_id'] as string };
    });
    const waiting = async () => {
      const text = await (await fetch(`${service.opsUrl}/metrics`)).text();
      return Number(/^symbolon_password_hashes_waiting (\d+)/m.exec(text)?.[1] ?? 0);
    };
    await expect.poll(waiting, { interval: 5, timeout: 5_000 }).toBeGreaterThan(4);
    const startedMs = performance.now();
    const ended = service.end('SIGTERM');
    const answers = await Promise.all(underWay);
    expect(await ended).toEqual({ code: 0, signal: null });
    expect(performance.now() - startedMs).toBeLessThan(10_000);

    service = await serve(folder);
    for (const { cookie, customerId } of answers) {
      expect(await whoIs(cookie)).toEqual({ status: 200, customerId });
    }
    agent.destroy();
    // An orderly end loses no audit record, not even of its last moments.
    type Items = { items: { customer_id: string }[] };
    const list = async (query: string) =>
      ((await service.admin('GET', `/admin/audit?${query}`)) as Items).items;
    expect(await list('event=service.stopped')).toHaveLength(1);
    const recorded = await list('event=customer.authenticated&limit=12');
    expect(recorded.map((one) => one.customer_id).sort()).toEqual(
      answers.map((one) => one.customerId).sort(),
    );
    expect(await service.admin('POST', '/admin/audit/verify')).toMatchObject({ ok: true });
  }, 60_000);
});
