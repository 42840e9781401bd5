/**
 * Everything that customers and partners do, again and again, on clocks that run two thousand times faster: in
 * `SOAK_MINUTES` (default 6) a week goes by and whatever has an end comes to it. Memory, handles and rows are flat then.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, expect, it } from 'vitest';
import { signingKeyOf } from '../../src/signatures/signed-request.ts';
import { signV1 } from '../../src/signatures/v1.ts';
import { TABLES } from '../../src/stores/sql/table-list.ts';
import { PASSWORD } from '../e2e/fleet.ts';
import { SETTINGS } from '../e2e/fault-scenarios.ts';
import { configure } from '../e2e/serve-process.ts';
import { serveWatched, type WatchedProcess } from '../e2e/watched-process.ts';
import { tell } from '../support/figures.ts';

const SPEED = 2_000;
const SOAK_MS = Number(process.env['SOAK_MINUTES'] ?? 6) * 60_000;
/** By then the longest memory, of what was taken back, is full: four days of the process. */
const SETTLED_MS = 180_000;
/** Longer than the minute between two clean-ups. */
const WINDOW_MS = 70_000;
const CALLERS = 4;
const USERS = Array.from({ length: 20 }, (_, n) => `user-${n}`);
/** One row for each deed, kept for as long as `audit.retention_days` says. */
const GROWING = new Set(['audit_records']);

const folder = mkdtempSync(join(tmpdir(), 'symbolon-soak-'));
let service: WatchedProcess | undefined;
afterAll(async () => {
  await service?.end('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

interface Credentials {
  bearer: string;
  signing: Record<string, unknown>;
  client: Record<string, unknown>;
}

async function start(): Promise<{ service: WatchedProcess; credentials: Credentials }> {
  configure(folder, {
    ...SETTINGS,
    channels: [
      { id: 'web', group: 'chat', token_lifetime_seconds: 28_800 },
      {
        id: 'ios',
        group: 'chat',
        delivery: 'token',
        token_lifetime_seconds: 28_800,
        refresh_tokens: { idle_days: 1, absolute_days: 1 },
      },
    ],
    sessions: { idle_seconds: 14_400, absolute_seconds: 28_800 },
    tokens: { access_token_lifetime_seconds: 3_600 },
    passwords: { lanes: 2 },
  });
  const started = await serveWatched(folder, SPEED);
  const { admin } = started;
  await admin('POST', '/admin/partners', { id: 'north', channel_groups: ['chat'], tier: 'many' });
  for (const username of USERS)
    await admin('POST', '/admin/directories/directory/users', {
      username,
      password: PASSWORD,
      reference: `of ${username}`,
    });
  const key = (more: object) => admin('POST', '/admin/api-keys', { partner: 'north', ...more });
  const credentials = {
    bearer: String((await key({}))['secret']),
    signing: await key({ use: 'signing', signature: 'v1' }),
    client: await admin('POST', '/admin/clients', { partner: 'north' }),
  };
  return { service: started, credentials };
}

/** One round of one caller; tells the status of each call by its name. */
function rounds(
  { url, nowMs }: WatchedProcess,
  { bearer, signing, client }: Credentials,
  tally: Map<string, number>,
) {
  const call = async (name: string, path: string, init: RequestInit = {}) => {
    const response = await fetch(url + path, init);
    const text = await response.text();
    const outcome = `${name} ${response.status}`;
    tally.set(outcome, (tally.get(outcome) ?? 0) + 1);
    const cookie = response.headers.getSetCookie()[0]?.split(';')[0] ?? '';
    return { json: (text === '' ? {} : JSON.parse(text)) as Record<string, string>, cookie };
  };
  const post = (body: object, headers: Record<string, string> = {}): RequestInit => ({
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  const signedHeaders = () =>
    signV1({
      signingKey: signingKeyOf(String(signing['secret'])),
      timestampSeconds: Math.floor(nowMs() / 1_000),
      body: Buffer.from('{}'),
    });
  return async (username: string): Promise<void> => {
    const path = '/customer_authenticate';
    const phone = await call('phone', path, post({ username, password: PASSWORD, channel: 'ios' }));
    const proof = { 'customer-auth': `JWT ${phone.json['JWT']}` };
    const again = { grant_type: 'refresh_token', refresh_token: phone.json['refresh_token'] };
    await call('renewal', path, post(again));
    await call('profile', '/getprofile', post({}, { authorization: `Bearer ${bearer}`, ...proof }));
    const signed = { 'x-api-key': String(signing['public_id']), ...signedHeaders(), ...proof };
    await call('signed', '/getprofile', post({}, signed));
    const browser = await call('browser', path, post({ username, password: PASSWORD, channel: 'web' }));
    const headers = { cookie: browser.cookie };
    await call('session', '/customer_session', { headers });
    const token = await call(
      'access',
      '/oauth/token',
      post({
        grant_type: 'client_credentials',
        client_id: client['client_id'],
        client_secret: client['client_secret'],
      }),
    );
    const basic = Buffer.from(`${String(client['client_id'])}:${String(client['client_secret'])}`).toString(
      'base64',
    );
    await call('revoke', '/oauth/revoke', {
      method: 'POST',
      headers: { authorization: `Basic ${basic}` },
      body: new URLSearchParams({ token: token.json['access_token'] ?? '' }),
    });
    await call('stranger', path, post({ username: `${username}?`, password: 'wrong', channel: 'ios' }));
    await call('forged', '/getprofile', post({}, { authorization: `Bearer ${bearer}x`, ...proof }));
    const csrf = { ...headers, 'x-symbolon-csrf': '1', origin: 'http://localhost:8080' };
    await call('sign-out', '/customer_session?everywhere=true', { method: 'DELETE', headers: csrf });
  };
}

/** Rows of every table, as another process sees them. */
function rows(): Map<string, number> {
  const database = new DatabaseSync(join(folder, 'data', 'symbolon.db'), { readOnly: true });
  try {
    return new Map(
      TABLES.map(({ name }) => [
        name,
        Number(database.prepare(`select count(*) as n from ${name}`).get()?.['n']),
      ]),
    );
  } finally {
    database.close();
  }
}

/** The most rows that each table had in a window of time. */
async function mostRows(): Promise<Map<string, number>> {
  const most = new Map<string, number>();
  const startedMs = performance.now();
  while (performance.now() - startedMs < WINDOW_MS) {
    for (const [name, n] of rows()) most.set(name, Math.max(n, most.get(name) ?? 0));
    await pause(2_000);
  }
  return most;
}

/**
 * What a process remembers on purpose of the two sessions and four tokens of a round, by count and not for good: those
 * memories are full after 20,000 sessions, which is later than this ends.
 */
const REMEMBERED_BYTES_PER_ROUND = 2_000;

const mib = (bytes: number) => (bytes / 2 ** 20).toFixed(1);

it(
  'steady calls leave memory, handles and the rows of every table as they were',
  async () => {
    const { service: watched, credentials } = await start();
    service = watched;
    const tally = new Map<string, number>();
    const round = rounds(watched, credentials, tally);
    const work = { goesOn: true };
    const callers = Array.from({ length: CALLERS }, async (_, n) => {
      for (let i = n; work.goesOn; i += CALLERS) await round(USERS[i % USERS.length] as string);
    });
    const look = async () => ({
      live: await watched.liveBytes(),
      resident: watched.residentBytes(),
      handles: watched.handles(),
    });
    await pause(SETTLED_MS);
    const roundsSoFar = () => tally.get('sign-out 204') ?? 0;
    const settled = { ...(await look()), rounds: roundsSoFar(), rows: await mostRows() };
    await pause(Math.max(0, SOAK_MS - SETTLED_MS - 2 * WINDOW_MS));
    const final = { rows: await mostRows(), ...(await look()), rounds: roundsSoFar() };
    work.goesOn = false;
    await Promise.all(callers);

    const calls = [...tally.values()].reduce((sum, n) => sum + n, 0);
    tell(`soak: ${calls} calls, ${[...tally].map(([what, n]) => `${what}: ${n}`).join(', ')}`);
    const grown = [...settled.rows].filter(([name, before]) => {
      const after = final.rows.get(name) ?? 0;
      if (after > 0) tell(`soak: ${name} ${before} → ${after} rows`);
      // What ends by chance ends in heaps; what leaks grows by thousands.
      return !GROWING.has(name) && after > before * 1.25 + 50;
    });
    expect(grown).toEqual([]);
    for (const what of ['live', 'resident'] as const)
      tell(`soak: ${what} memory ${mib(settled[what])} → ${mib(final[what])} MiB`);
    tell(`soak: ${settled.handles} → ${final.handles} handles`);
    const remembered = (final.rounds - settled.rounds) * REMEMBERED_BYTES_PER_ROUND;
    expect(final.live).toBeLessThan(settled.live * 1.05 + 1e6 + remembered);
    expect(final.resident).toBeLessThan(settled.resident * 1.1 + 10e6);
    expect(Math.abs(final.handles - settled.handles)).toBeLessThanOrEqual(10);
    expect([...tally.keys()].filter((outcome) => / 5\d\d$/.test(outcome))).toEqual([]);
    expect(await watched.admin('POST', '/admin/audit/verify')).toMatchObject({ ok: true });
    expect(await watched.end('SIGTERM')).toEqual({ code: 0, signal: null });
  },
  SOAK_MS + 180_000,
);
