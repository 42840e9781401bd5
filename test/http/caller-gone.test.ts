import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startService, type TestService } from '../support/service.ts';
import { type SilentServer, startSilentServer } from '../support/silent-server.ts';

let silent: SilentServer;
let at: TestService;

beforeAll(async () => {
  silent = await startSilentServer();
  at = await startService({
    settings: (all) => ({
      ...all,
      sign_in: { max_failures_per_account: 1 },
      connections: { ...all.connections, login: { base_url: `http://127.0.0.1:${silent.port}` } },
      authenticators: [
        { name: 'directory', type: 'directory', reference_space: 'directory' },
        {
          name: 'company',
          type: 'http',
          reference_space: 'crm',
          connection: 'login',
          request: { path: '/login' },
          answer: { reference: 'id' },
        },
      ],
    }),
  });
});
afterAll(async () => {
  await at?.dispose();
  await silent?.close();
});

/** Begins a sign-in and hangs up as soon as the log-in API has been asked. */
async function hangUp(username: string): Promise<void> {
  const asked = silent.connected();
  const call = request(`${at.url}/customer_authenticate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
  });
  call.on('error', () => {});
  call.end(JSON.stringify({ username, password: 'a guess', channel: 'ios' }));
  await asked;
  const closed = new Promise((resolve) => call.once('close', resolve));
  call.destroy();
  await closed;
}

describe('a caller who hangs up during a sign-in', () => {
  it('ends the call to the log-in API at once', async () => {
    await hangUp('first@example.test');
    await expect.poll(() => silent.connections(), { timeout: 2_000 }).toBe(0);
  });

  it('has used up a guess all the same', async () => {
    await hangUp('second@example.test');
    await expect.poll(() => silent.connections(), { timeout: 2_000 }).toBe(0);
    const body = { username: 'second@example.test', password: 'another guess', channel: 'ios' };
    await at.api.post('/customer_authenticate').send(body).expect(429);
  });
});
