/** Three times what it can do: goodput stays, the rest is refused soon, memory stays. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { get, seed, SETTINGS, startLoad } from '../e2e/fault-scenarios.ts';
import { PASSWORD } from '../e2e/fleet.ts';
import { configure, type ServeProcess, serve } from '../e2e/serve-process.ts';
import { quantile, tell } from '../support/figures.ts';

const OVERLOAD_MS = Number(process.env['OVERLOAD_SECONDS'] ?? 60) * 1_000;
/** For whoever is refused, and for everybody else's calls meanwhile; milliseconds, of 99 in 100. */
const SOON_MS = 100;

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

it(
  'three times as many sign-ins as it can do: as many succeed, the others are refused within a tenth of a second, memory is bounded',
  async () => {
    const calm = startLoad(4, async () => (await signIn()).status);
    await pause(5_000);
    await calm.stop();
    const capacity = (calm.counts.get(200) ?? 0) / 5;
    const before = residentMiB();
    const outcomes: Promise<{ status: number; tookMs: number }>[] = [];
    const others: number[] = [];
    const bystander = startLoad(1, async () => {
      const startedMs = performance.now();
      const status = await get(`${service.url}/whoami`, key);
      others.push(performance.now() - startedMs);
      await pause(20);
      return status;
    });
    const startedMs = performance.now();
    let due = 0;
    while (performance.now() - startedMs < OVERLOAD_MS) {
      // As many as are due by now: a caller who starts late would ask for less.
      const dueNow = ((performance.now() - startedMs) / 1_000) * 3 * capacity;
      for (; due < dueNow; due++) outcomes.push(signIn());
      await pause(5);
    }
    const all = await Promise.all(outcomes);
    await bystander.stop();
    const good = all.filter(({ status }) => status === 200).length / (OVERLOAD_MS / 1_000);
    const refused = all.filter(({ status }) => status !== 200).map(({ tookMs }) => tookMs);
    const most = residentMiB();
    tell(
      `overload: capacity ${capacity.toFixed(1)}/s, asked ${(all.length / (OVERLOAD_MS / 1_000)).toFixed(1)}/s, ` +
        `succeeded ${good.toFixed(1)}/s; ${refused.length} refusals p50 ${quantile(refused, 0.5).toFixed(1)} ms, ` +
        `p99 ${quantile(refused, 0.99).toFixed(1)} ms; /whoami meanwhile p99 ${quantile(others, 0.99).toFixed(1)} ms; ` +
        `memory ${before.toFixed(0)} → ${most.toFixed(0)} MiB`,
    );
    expect(
      [...new Set(all.map(({ status }) => status))].filter((status) => ![200, 429, 503].includes(status)),
    ).toEqual([]);
    expect(good).toBeGreaterThan(capacity * 0.8);
    expect(refused.length).toBeGreaterThan(all.length / 3);
    expect(quantile(refused, 0.99)).toBeLessThan(SOON_MS);
    expect(quantile(others, 0.99)).toBeLessThan(SOON_MS);
    expect(most).toBeLessThan(before + 100);
    await expect.poll(async () => (await signIn()).status, { timeout: 5_000 }).toBe(200);
  },
  OVERLOAD_MS + 60_000,
);
