/** The embedded database may grow no further, as on a full disk: a limit on file sizes stands in for one. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { authenticate, PASSWORD } from './fleet.ts';
import { configure, type ServeProcess, serve } from './serve-process.ts';

let folder: string;
let service: ServeProcess;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'symbolon-disk-'));
  configure(folder, { default_channel: 'web', channels: [{ id: 'web', group: 'chat' }] });
  service = await serve(folder);
  const user = { username: 'mira', password: PASSWORD, reference: '4711' };
  await service.admin('POST', '/admin/directories/directory/users', user);
}, 60_000);
afterAll(async () => {
  await service.end('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** The soft limit alone, so that the process's own user may lift it again. */
const limitFiles = (size: string) =>
  execFileSync('prlimit', ['--pid', String(service.pid), `--fsize=${size}:`], { stdio: 'ignore' });

const attempt = () =>
  authenticate(service.url, { username: 'mira', password: PASSWORD }).then(
    ({ cookie }) => ({ status: 200, cookie }),
    (error: Error) => ({ status: Number(error.message.slice(0, 3)), cookie: '' }),
  );

it('a full disk is 503 for what must be written, loses nothing that was answered, and is over when there is room', async () => {
  const before = await attempt();
  expect(before.status).toBe(200);
  limitFiles(String(statSync(join(folder, 'data', 'symbolon.db-wal')).size));
  const full = [await attempt(), await attempt(), await attempt()];
  expect(full.map(({ status }) => status)).toContain(503);
  expect(full.filter(({ status }) => ![200, 503].includes(status))).toEqual([]);
  expect((await fetch(`${service.url}/.well-known/jwks.json`)).status).toBe(200);
  limitFiles('unlimited');
  await expect.poll(async () => (await attempt()).status, { timeout: 5_000 }).toBe(200);

  await service.end('SIGKILL');
  service = await serve(folder);
  const kept = [before, ...full].filter(({ status }) => status === 200);
  for (const { cookie } of kept) {
    const headers = { cookie };
    expect((await fetch(`${service.url}/customer_session`, { headers })).status).toBe(200);
  }
  expect(await service.admin('POST', '/admin/audit/verify')).toMatchObject({ ok: true });
}, 60_000);
