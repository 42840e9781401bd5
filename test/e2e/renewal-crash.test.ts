/** A phone renews while the service is killed: whatever was done and not answered can be fetched after the restart. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setImmediate as turn } from 'node:timers/promises';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { tell } from '../support/figures.ts';
import { configure, type ServeProcess, serve } from './serve-process.ts';

const PASSWORD = 'correct horse battery staple';
/** `npm run test:faults` asks for a hundred. */
const KILLS = Number(process.env['FAULT_KILLS'] ?? 8);

interface SignedIn {
  JWT: string;
  refresh_token: string;
}

let folder: string;
let service: ServeProcess;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'symbolon-renewal-'));
  configure(folder, {
    default_channel: 'ios',
    channels: [{ id: 'ios', group: 'chat', delivery: 'token', refresh_tokens: {} }],
  });
  service = await serve(folder);
  const user = { username: 'mira', password: PASSWORD, reference: '4711' };
  await service.admin('POST', '/admin/directories/directory/users', user);
}, 60_000);
afterAll(async () => {
  await service.end('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

async function authenticate(body: object): Promise<SignedIn> {
  const response = await fetch(`${service.url}/customer_authenticate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const answer = (await response.json()) as SignedIn;
  if (response.status !== 200) throw new Error(`${response.status} ${JSON.stringify(answer)}`);
  return answer;
}
const renew = (refresh_token: string) => authenticate({ grant_type: 'refresh_token', refresh_token });

/** How often the one family of the database has moved on, as another process sees it. */
function rotations(): number {
  const database = new DatabaseSync(join(folder, 'data', 'symbolon.db'), { readOnly: true });
  try {
    return Number(database.prepare('select generation from refresh_families').get()?.['generation']);
  } finally {
    database.close();
  }
}

it(
  'kill -9 between rotation and answer costs nobody the sign-in, and never gives two answers',
  async () => {
    let held = await authenticate({ username: 'mira', password: PASSWORD });
    const device = decodeJwt(held.JWT)['sid'];
    let unanswered = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      const token = held.refresh_token;
      const before = rotations();
      const calls = Array.from({ length: 6 }, () => renew(token).catch(() => undefined));
      // Killed the moment that the rotation can be seen: some calls were answered, others will never be.
      while (rotations() === before) await turn();
      const rotatedMs = performance.now();
      await service.end('SIGKILL');
      const answers = (await Promise.all(calls)).filter((answer) => answer !== undefined);
      unanswered += calls.length - answers.length;
      service = await serve(folder);
      // Beyond its grace a rotation is not told again, and the test says nothing.
      expect(performance.now() - rotatedMs, 'the machine restarts too slowly for this test').toBeLessThan(
        9_000,
      );
      held = await renew(token);
      for (const answer of answers) expect(answer).toEqual(held);
      expect(decodeJwt(held.JWT)['sid']).toBe(device);
    }
    tell(`renewal: ${KILLS} kills, ${unanswered} of ${KILLS * 6} calls unanswered, one successor each time`);
    expect(await renew(held.refresh_token)).toHaveProperty('refresh_token');
    expect(await service.admin('POST', '/admin/audit/verify')).toMatchObject({ ok: true });
  },
  KILLS * 15_000,
);

it('a token goes on over a restart, and an ended device stays ended', async () => {
  const [kept, ended] = [
    await authenticate({ username: 'mira', password: PASSWORD }),
    await authenticate({ username: 'mira', password: PASSWORD }),
  ];
  const headers = { authorization: `Bearer ${ended.refresh_token}` };
  expect((await fetch(`${service.url}/customer_session`, { method: 'DELETE', headers })).status).toBe(204);
  await service.end('SIGTERM');
  service = await serve(folder);
  await renew((await renew(kept.refresh_token)).refresh_token);
  await expect(renew(ended.refresh_token)).rejects.toThrow('401');
}, 60_000);
