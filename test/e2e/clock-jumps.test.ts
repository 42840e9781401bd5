/** A real process whose wall clock is set forwards and back under it, by an hour and by a day, and then put right. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { signingKeyOf } from '../../src/signatures/signed-request.ts';
import { signV1 } from '../../src/signatures/v1.ts';
import { configure } from './serve-process.ts';
import { serveWatched, type WatchedProcess } from './watched-process.ts';

const PASSWORD = 'correct horse battery staple';
const THROTTLE_SECONDS = 10;
const HOUR_MS = 3_600_000;

interface Secrets {
  bearer: string;
  narrow: string;
  signing: { publicId: string; secret: string };
}

/** One process with its data, and what a test does with it. */
interface World {
  service: WatchedProcess;
  secrets: Secrets;
}

const ends: (() => Promise<unknown>)[] = [];
afterAll(() => Promise.all(ends.map((end) => end())));

async function start(): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'symbolon-jumps-'));
  configure(folder, {
    default_channel: 'ios',
    channels: [
      { id: 'ios', group: 'chat', delivery: 'token', refresh_tokens: {} },
      { id: 'web', group: 'chat', delivery: 'cookie' },
    ],
    sign_in: { max_failures_per_account: 2, window_seconds: THROTTLE_SECONDS },
    limits: { tiers: { narrow: [{ quota: 2, window_seconds: 3 }] } },
  });
  const service = await serveWatched(folder);
  ends.push(async () => {
    await service.end('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });
  const { admin } = service;
  await admin('POST', '/admin/partners', { id: 'north', channel_groups: ['chat'], visible_fields: [] });
  for (const username of ['mira', 'noor']) {
    const user = { username, password: PASSWORD, reference: `reference of ${username}` };
    await admin('POST', '/admin/directories/directory/users', user);
  }
  const key = async (more: object) => admin('POST', '/admin/api-keys', { partner: 'north', ...more });
  const signing = await key({ use: 'signing', signature: 'v1' });
  const secrets = {
    bearer: String((await key({}))['secret']),
    narrow: String((await key({ tier: 'narrow' }))['secret']),
    signing: { publicId: String(signing['public_id']), secret: String(signing['secret']) },
  };
  return { service, secrets };
}

type Call = Awaited<ReturnType<typeof call>>;
interface Question {
  headers?: Record<string, string>;
  body?: object;
}

async function call({ service }: World, method: string, path: string, { headers = {}, body }: Question = {}) {
  const response = await fetch(service.url + path, {
    method,
    headers: { ...headers, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    json: (text === '' ? {} : JSON.parse(text)) as Record<string, unknown> & { error?: { code: string } },
    retryAfterSeconds: Number(response.headers.get('retry-after') ?? 0),
    cookie: response.headers.getSetCookie()[0]?.split(';')[0] ?? '',
  };
}

const authenticate = (world: World, body: object) => call(world, 'POST', '/customer_authenticate', { body });
const signIn = (world: World, username: string, more: object = {}): Promise<Call> =>
  authenticate(world, { username, password: PASSWORD, channel: 'ios', ...more });
const whoIs = async (world: World, cookie: string) =>
  (await call(world, 'GET', '/customer_session', { headers: { cookie } })).status;
const renew = async (world: World, refresh_token: unknown) =>
  (await authenticate(world, { grant_type: 'refresh_token', refresh_token })).status;
const limited = (world: World) =>
  call(world, 'GET', '/whoami', { headers: { authorization: `Bearer ${world.secrets.narrow}` } });

/** Status, and the code of a refusal. */
async function profile(world: World, headers: Record<string, string>): Promise<string> {
  const { status, json } = await call(world, 'POST', '/getprofile', { headers });
  return `${status} ${json.error?.code ?? ''}`.trim();
}
const profileOf = (world: World, token: unknown) =>
  profile(world, {
    authorization: `Bearer ${world.secrets.bearer}`,
    'customer-auth': `JWT ${String(token)}`,
  });

/** What customers and partners hold when the clock jumps. */
async function holdings(world: World, signedAtMs: number) {
  const { secrets } = world;
  const phone = await signIn(world, 'mira');
  const browser = await signIn(world, 'mira', { channel: 'web' });
  expect([phone.status, browser.status]).toEqual([200, 200]);
  const signed = {
    'x-api-key': secrets.signing.publicId,
    ...signV1({
      signingKey: signingKeyOf(secrets.signing.secret),
      timestampSeconds: Math.floor(signedAtMs / 1_000),
      body: Buffer.alloc(0),
    }),
    'customer-auth': `JWT ${String(phone.json['JWT'])}`,
  };
  return { token: phone.json['JWT'], refresh: phone.json['refresh_token'], cookie: browser.cookie, signed };
}

/** Limits that were used up go by the time that really passes. */
async function limitsRecover(world: World): Promise<void> {
  const throttled = await signIn(world, 'noor');
  const full = await limited(world);
  for (const { status } of [throttled, full]) expect([200, 429]).toContain(status);
  expect(throttled.retryAfterSeconds).toBeLessThanOrEqual(THROTTLE_SECONDS);
  expect(full.retryAfterSeconds).toBeLessThanOrEqual(3);
  const patience = { timeout: 20_000, interval: 100 };
  await vi.waitUntil(async () => (await signIn(world, 'noor')).status === 200, patience);
  await vi.waitUntil(async () => (await limited(world)).status === 200, patience);
}

const JUMPS = [
  ['an hour forwards', HOUR_MS],
  ['an hour back', -HOUR_MS],
  ['a day forwards', 24 * HOUR_MS],
  ['a day back', -24 * HOUR_MS],
] as const;

describe('a wall clock that jumps', () => {
  it.concurrent.each(JUMPS)(
    '%s and is put right: nothing from the other time is taken, nothing is used twice, limits recover, nothing spins',
    async (_what, jumpMs) => {
      const world = await start();
      const before = await holdings(world, Date.now());
      expect(await profileOf(world, before.token)).toBe('200');
      expect(await profile(world, before.signed)).toBe('200');
      for (let n = 0; n < 2; n++) await signIn(world, 'noor', { password: 'wrong' });
      for (let n = 0; n < 2; n++) await limited(world);

      await world.service.shift(jumpMs);
      expect(await profileOf(world, before.token)).toBe(
        jumpMs > 0 ? '401 CUSTOMER_TOKEN_EXPIRED' : '401 INVALID_CUSTOMER_TOKEN',
      );
      expect(await whoIs(world, before.cookie)).toBe(401);
      expect(await profile(world, before.signed)).toBe('401 TIMESTAMP_EXPIRED');
      const during = await holdings(world, Date.now() + jumpMs);
      expect(await profileOf(world, during.token)).toBe('200');
      expect(await whoIs(world, during.cookie)).toBe(200);
      expect(await profile(world, during.signed)).toBe('200');
      await limitsRecover(world);
      const spentMs = world.service.processorMs();
      await pause(1_000);
      expect(world.service.processorMs() - spentMs).toBeLessThan(400);

      await world.service.shift(0);
      expect(await profileOf(world, before.token)).toBe('200');
      expect(await whoIs(world, before.cookie)).toBe(200);
      expect(await renew(world, before.refresh)).toBe(200);
      expect(await profile(world, before.signed)).toBe('401 SIGNATURE_REPLAYED');
      expect(await profileOf(world, during.token)).toMatch(/^401 /);
      expect(await whoIs(world, during.cookie)).toBe(401);
      expect(await profile(world, during.signed)).toMatch(/^401 /);
      expect(await world.service.admin('POST', '/admin/audit/verify')).toMatchObject({ ok: true });
      expect(await world.service.end('SIGTERM')).toEqual({ code: 0, signal: null });
    },
    60_000,
  );
});
