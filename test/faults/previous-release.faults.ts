/** The release before runs beside this one on the same database and Redis, while calls go to both. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { answered, get, seed, SETTINGS, startLoad } from '../e2e/fault-scenarios.ts';
import { authenticate, type Fleet, PASSWORD, startFleet } from '../e2e/fleet.ts';
import type { ServeProcess } from '../e2e/serve-process.ts';

/** The last one whose steps are all among the first eleven; from then on steps only add. */
const PREVIOUS = process.env['FAULT_PREVIOUS'] ?? 'd8ec5fd';

const root = resolve(import.meta.dirname, '../..');
let previous: string;
let fleet: Fleet;
beforeAll(async () => {
  previous = mkdtempSync(join(tmpdir(), 'symbolon-previous-'));
  const archive = execFileSync('git', ['archive', PREVIOUS], { cwd: root, maxBuffer: 1e9 });
  execFileSync('tar', ['-x', '-C', previous], { input: archive });
  symlinkSync(join(root, 'node_modules'), join(previous, 'node_modules'));
  fleet = await startFleet(2, SETTINGS, join(previous, 'bin/symbolon.mjs'));
});
afterAll(async () => {
  await fleet?.stop();
  rmSync(previous, { recursive: true, force: true });
});

it('an upgrade one process after the other fails no call and signs nobody out', async () => {
  const { key } = await seed(fleet.processes[0] as ServeProcess);
  // The release before learns of a new partner only with its next look at the partners.
  for (const { url } of fleet.processes) {
    await expect.poll(() => get(`${url}/whoami`, key), { timeout: 5_000, interval: 50 }).toBe(200);
  }
  const { cookie } = await authenticate(fleet.url, { username: 'mira', password: PASSWORD, channel: 'web' });
  const phone = (await authenticate(fleet.url, { username: 'mira', password: PASSWORD, channel: 'ios' }))
    .answer;
  let refresh_token = phone.refresh_token;
  const loads = [
    startLoad(2, () => get(`${fleet.url}/customer_session`, { cookie })),
    startLoad(2, () => get(`${fleet.url}/whoami`, key)),
    startLoad(1, async () => {
      const { answer } = await authenticate(fleet.url, { grant_type: 'refresh_token', refresh_token });
      ({ refresh_token } = answer);
      return answer.customer_id === phone.customer_id ? 200 : 500;
    }),
    startLoad(1, async () => {
      const { answer } = await authenticate(fleet.url, {
        username: 'mira',
        password: PASSWORD,
        channel: 'ios',
      });
      return answer.customer_id === phone.customer_id ? 200 : 500;
    }),
  ];
  await fleet.restart(0);
  const beside = loads.map(answered);
  await expect
    .poll(() => loads.every((load, n) => answered(load) > (beside[n] as number) + 20), { timeout: 120_000 })
    .toBe(true);
  await fleet.restart(1);
  await Promise.all(loads.map((load) => load.stop()));
  for (const load of loads) expect(Object.fromEntries(load.counts)).toEqual({ 200: answered(load) });
  const [one] = fleet.processes as [ServeProcess];
  expect(await one.admin('POST', '/admin/audit/verify')).toMatchObject({ ok: true });
});
