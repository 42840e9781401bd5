/** Three times what it can do: goodput stays, the rest is refused soon, memory stays. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { get, seed, SETTINGS, startLoad } from '../e2e/fault-scenarios.ts';
import { PASSWORD } from '../e2e/fleet.ts';
import { configure } from '../e2e/serve-process.ts';
import { serveWatched, type WatchedProcess } from '../e2e/watched-process.ts';
import { quantile, tell } from '../support/figures.ts';

const OVERLOAD_MS = Number(process.env['OVERLOAD_SECONDS'] ?? 60) * 1_000;
/** For whoever is refused, and for everybody else's calls meanwhile, beyond what the machine takes; milliseconds, of 99 in 100. */
const SOON_MS = 100;

/** Attempts at one account wait for each other, so that parallel guesses gain nothing: that is not what is asked here. */
const USERS = Array.from({ length: 40 }, (_, n) => `user-${n}`);

let folder: string;
let service: WatchedProcess;
let key: Record<string, string>;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'symbolon-overload-'));
  configure(folder, {
    ...SETTINGS,
    sign_in: { max_failures_per_account: 100, max_failures_per_address: 10_000 },
  });
  service = await serveWatched(folder);
  ({ key } = await seed(service));
  for (const username of USERS) {
    const user = { username, password: PASSWORD, reference: `of ${username}` };
    await service.admin('POST', '/admin/directories/directory/users', user);
  }
});
afterAll(async () => {
  await service?.end('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

const MIB = 1_048_576;
/** What it may have in use beyond what it had when it was calm, once garbage is collected; MiB. */
const MORE_IN_USE_MIB = 16;
/** What it may have in all at the end, garbage included; MiB. */
const MOST_RESIDENT_MIB = 300;

let asked = 0;
async function signIn(): Promise<{ status: number; tookMs: number }> {
  const username = USERS[asked++ % USERS.length];
  const startedMs = performance.now();
  const response = await fetch(`${service.url}/customer_authenticate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username, password: PASSWORD, channel: 'ios' }),
  });
  await response.arrayBuffer();
  return { status: response.status, tookMs: performance.now() - startedMs };
}

/** A server that does nothing, in a process of its own: how long the machine itself makes callers wait. */
const CONTROL = `
  const server = require('node:http').createServer((req, res) => res.end('ok'));
  server.listen(0, '127.0.0.1', () => console.log(server.address().port));
`;

/** Asks every twenty milliseconds; `stop` gives the times that answers took. */
function sample(ask: () => Promise<number>) {
  const times: number[] = [];
  const load = startLoad(1, async () => {
    const startedMs = performance.now();
    const status = await ask();
    times.push(performance.now() - startedMs);
    await pause(20);
    return status;
  });
  return { stop: async () => (await load.stop(), times) };
}

/** Sign-ins in a second that succeed when there are no more callers than it hashes at once. */
async function capacityOf(): Promise<number> {
  const seconds = 5;
  const calm = startLoad(4, async () => (await signIn()).status);
  await pause(seconds * 1_000);
  await calm.stop();
  return (calm.counts.get(200) ?? 0) / seconds;
}

it(
  'three times as many sign-ins as it can do: as many succeed, the others are refused within a tenth of a second, memory is bounded',
  async () => {
    const control = spawn(process.execPath, ['-e', CONTROL], { stdio: ['ignore', 'pipe', 'ignore'] });
    const [port] = (await once(control.stdout, 'data')) as [Buffer];
    const before = await capacityOf();
    const calmBytes = await service.liveBytes();
    const samples = [
      sample(() => get(`http://127.0.0.1:${port.toString().trim()}/`)),
      sample(() => get(`${service.url}/whoami`, key)),
    ];
    const outcomes: Promise<{ status: number; tookMs: number }>[] = [];
    const startedMs = performance.now();
    while (performance.now() - startedMs < OVERLOAD_MS) {
      // As many as are due by now: a caller who starts late would ask for less.
      const due = ((performance.now() - startedMs) / 1_000) * 3 * before;
      while (outcomes.length < due) outcomes.push(signIn());
      await pause(5);
    }
    const all = await Promise.all(outcomes);
    const [machine = [], others = []] = await Promise.all(samples.map((one) => one.stop()));
    control.kill();
    const residentBytes = service.residentBytes();
    const inUseBytes = await service.liveBytes();
    // What else the machine does comes and goes: the capacity is that of before and after.
    const capacity = (before + (await capacityOf())) / 2;

    const good = all.filter(({ status }) => status === 200).length / (OVERLOAD_MS / 1_000);
    const refused = all.filter(({ status }) => status !== 200).map(({ tookMs }) => tookMs);
    const p99 = (times: readonly number[]) => quantile(times, 0.99);
    tell(
      `overload: capacity ${capacity.toFixed(1)}/s, asked ${(3 * before).toFixed(1)}/s, succeeded ${good.toFixed(1)}/s; ` +
        `${refused.length} refusals p50 ${quantile(refused, 0.5).toFixed(1)} ms, p99 ${p99(refused).toFixed(1)} ms; ` +
        `/whoami meanwhile p99 ${p99(others).toFixed(1)} ms, a server that does nothing ${p99(machine).toFixed(1)} ms; ` +
        `in use ${(calmBytes / MIB).toFixed(1)} → ${(inUseBytes / MIB).toFixed(1)} MiB, resident ${(residentBytes / MIB).toFixed(0)} MiB`,
    );
    expect(
      [...new Set(all.map(({ status }) => status))].filter((status) => ![200, 429, 503].includes(status)),
    ).toEqual([]);
    expect(good).toBeGreaterThan(capacity * 0.8);
    expect(refused.length).toBeGreaterThan(all.length / 3);
    expect(p99(refused)).toBeLessThan(SOON_MS + p99(machine));
    expect(p99(others)).toBeLessThan(SOON_MS + p99(machine));
    expect(residentBytes).toBeLessThan(MOST_RESIDENT_MIB * MIB);
    // Of what is resident most is garbage that nobody had the time to collect.
    expect(inUseBytes).toBeLessThan(calmBytes + MORE_IN_USE_MIB * MIB);
    await expect.poll(async () => (await signIn()).status, { timeout: 5_000 }).toBe(200);
  },
  OVERLOAD_MS + 90_000,
);
