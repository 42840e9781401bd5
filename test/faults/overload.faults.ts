/** Three times what it can do, and a soak: goodput stays, the rest is refused soon, memory and handles stay. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { answered, get, seed, SETTINGS, startLoad } from '../e2e/fault-scenarios.ts';
import { PASSWORD } from '../e2e/fleet.ts';
import { configure, type ServeProcess, serve } from '../e2e/serve-process.ts';

const OVERLOAD_MS = 20_000;
const SOAK_MS = Number(process.env['SOAK_SECONDS'] ?? 60) * 1000;

let folder: string;
let service: ServeProcess;
let key: Record<string, string>;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'symbolon-overload-'));
  configure(folder, {
    ...SETTINGS,
    sign_in: { max_failures_per_account: 100, max_failures_per_address: 10_000 },
  });
  service = await serve(folder);
  ({ key } = await seed(service));
});
afterAll(async () => {
  await service?.end('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

const residentMiB = () =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${service.pid}/status`, 'utf8'))?.[1]) / 1024;
const handles = () => readdirSync(`/proc/${service.pid}/fd`).length;

async function signIn(): Promise<{ status: number; tookMs: number }> {
  const startedMs = performance.now();
  const response = await fetch(`${service.url}/customer_authenticate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: 'mira', password: PASSWORD, channel: 'ios' }),
  });
  await response.arrayBuffer();
  return { status: response.status, tookMs: performance.now() - startedMs };
}

it('three times as many sign-ins as it can do: as many succeed, the others are refused, memory is bounded', async () => {
  const calm = startLoad(4, async () => (await signIn()).status);
  await pause(5_000);
  await calm.stop();
  const capacity = (calm.counts.get(200) ?? 0) / 5;
  const before = residentMiB();
  const outcomes: Promise<{ status: number; tookMs: number }>[] = [];
  const startedMs = performance.now();
  while (performance.now() - startedMs < OVERLOAD_MS) {
    outcomes.push(signIn());
    await pause(1000 / (3 * capacity));
  }
  const all = await Promise.all(outcomes);
  const good = all.filter(({ status }) => status === 200).length / (OVERLOAD_MS / 1000);
  expect(
    [...new Set(all.map(({ status }) => status))].filter((status) => ![200, 429, 503].includes(status)),
  ).toEqual([]);
  expect(good).toBeGreaterThan(capacity * 0.8);
  expect(residentMiB()).toBeLessThan(before + 150);
  await expect.poll(async () => (await signIn()).status, { timeout: 5_000 }).toBe(200);
});

it(
  'steady calls leave memory and handles as they were',
  async () => {
    const load = startLoad(2, () => get(`${service.url}/whoami`, key));
    await pause(SOAK_MS / 3);
    const [memory, files] = [residentMiB(), handles()];
    await pause((SOAK_MS * 2) / 3);
    await load.stop();
    expect(Object.fromEntries(load.counts)).toEqual({ 200: answered(load) });
    expect(residentMiB()).toBeLessThan(memory * 1.1 + 10);
    expect(handles()).toBeLessThanOrEqual(files + 5);
  },
  SOAK_MS + 60_000,
);
