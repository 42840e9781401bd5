import { mkdirSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { symbolon } from '../rooms/cli/run.ts';
import { folder } from '../rooms/config/settings.ts';
import { ADMIN_TOKEN, PUBLIC_URL, startService, type TestService } from '../support/service.ts';
import { startTokenServer, type TokenServer } from '../support/token-server.ts';

let t: TestService;
let partner: TokenServer;
let place: ReturnType<typeof folder>;

beforeAll(async () => {
  partner = await startTokenServer();
  t = await startService({
    settings: (all) => ({
      ...all,
      connections: {
        ...all.connections,
        messenger: {
          base_url: partner.url,
          auth: [
            {
              type: 'authorization_code',
              authorization_url: `${partner.url}/authorize`,
              token_url: `${partner.url}/token`,
              client_id: 'bridge',
              client_secret: 'a-secret-of-ours-91',
            },
          ],
        },
      },
    }),
  });
  place = folder();
  place.write('symbolon.yaml', 'public_url: http://localhost:8080\n');
  mkdirSync(`${place.path}/.symbolon`);
  const running = { pid: process.pid, admin_url: t.adminUrl };
  writeFileSync(`${place.path}/.symbolon/service.json`, JSON.stringify(running));
});
afterAll(async () => {
  place[Symbol.dispose]();
  await t.dispose();
  await partner.close();
});

const run = (args: string[]) => symbolon(args, { cwd: place.path, env: { ADMIN_TOKEN } });
const connections = async () => {
  const { body } = await t.admin.get('/admin/connections').expect(200);
  return Object.fromEntries(
    (body as { items: { name: string }[] }).items.map((one) => [one.name, one]),
  ) as Record<string, Record<string, unknown>>;
};
const callback = (query: Record<string, string>, name = 'messenger') =>
  t.api.get(`/connections/${name}/callback`).query(query);

/** The `state` of an address that was begun through the admin API. */
let confirmation = '';
const confirm = (answer: { state: string; code: string; confirmation?: string }, name = 'messenger') =>
  t.api
    .post(`/connections/${name}/callback`)
    .type('form')
    .send({ confirmation, ...answer });
async function begun(): Promise<string> {
  const { body } = await t.admin.post('/admin/connections/messenger/connect').expect(200);
  const { address, redirect_uri, confirmation_code } = body as Record<string, string>;
  confirmation = confirmation_code as string;
  expect(redirect_uri).toBe(`${PUBLIC_URL}/connections/messenger/callback`);
  return new URL(address as string).searchParams.get('state') as string;
}

describe('GET /admin/connections', () => {
  it('tells circuit, counts, token and the last failure of each, and no secret', async () => {
    const { JWT } = await t.signIn();
    const ask = () =>
      t.api
        .post('/getprofile')
        .set({ authorization: `Bearer ${t.north.key.secret}`, 'customer-auth': `JWT ${JWT}` })
        .send({ fields: ['plan'] });
    await ask().expect(200);
    t.crm.mode = 'hang_up';
    await ask().expect(503);
    t.crm.mode = 'ok';
    const all = await connections();
    expect(Object.keys(all)).toEqual(['crm', 'billing', 'messenger']);
    expect(all['crm']).toMatchObject({
      circuit: 'closed',
      calls: { status_2xx: 1, unreachable: 2 },
      retries: 1,
      running: 0,
      max_running: 32,
      last_failure: { reason: 'unreachable', at: '2026-01-01T00:00:00.000Z' },
      tokens: [{ held: true, ends_at: '2026-01-01T00:10:00.000Z', last_failure: null }],
    });
    expect(all['billing']).toMatchObject({ calls: {}, mean_ms: null, connects: 0, last_failure: null });
    expect(all['messenger']).toMatchObject({ tokens: [{ held: false, grant: 'missing' }] });
    expect(JSON.stringify(all)).not.toMatch(/s3cret|backend-key|backend-token|a-secret-of-ours/);
  });

  it('has the same numbers in the metrics', async () => {
    const { text } = await t.ops.get('/metrics').expect(200);
    expect(text).toContain('symbolon_outbound_calls_total{destination="crm",outcome="status_2xx"} 1');
    expect(text).toContain('symbolon_outbound_calls_total{destination="crm/token",outcome="status_2xx"} 1');
    expect(text).toContain('symbolon_outbound_retries_total{connection="crm"} 1');
    expect(text).toContain('symbolon_outbound_retries_left{connection="crm"} 9');
  });
});

describe('a connection that a person has to connect', () => {
  it('is named by the doctor as long as nobody has', async () => {
    const { body } = await t.admin.get('/admin/doctor').expect(200);
    expect((body as { findings: unknown[] }).findings).toContainEqual({
      subject: 'connection messenger',
      ok: false,
      message: 'It does not work: nobody has connected it yet; run: symbolon connections connect messenger.',
    });
  });

  it('is connected by going to the address and coming back, once', async () => {
    const state = await begun();
    const asked = await callback({ state, code: 'a-code', scope: 'whatever else' }).expect(200);
    expect(asked.text).toContain('type the confirmation code');
    expect(partner.requests).toHaveLength(0);
    const typed = confirmation.toLowerCase().replace('-', ' ');
    const { text } = await confirm({ state, code: 'a-code', confirmation: typed }).expect(200);
    expect(text).toContain('The connection messenger is ready');
    expect(partner.requests[0]?.members['code']).toBe('a-code');
    expect((await connections())['messenger']).toMatchObject({ tokens: [{ grant: 'connected' }] });
    await confirm({ state, code: 'a-code' }).expect(400);
    expect(partner.requests).toHaveLength(1);
  });

  it('is not connected by somebody who knows the address and not what the terminal shows', async () => {
    const state = await begun();
    for (const guess of ['', 'AAAA-AAAA', 'a-code', `${confirmation}A`]) {
      await confirm({ state, code: 'code-of-an-attacker', confirmation: guess }).expect(400);
    }
    expect(partner.requests.map(({ members }) => members['code'])).not.toContain('code-of-an-attacker');
  });

  it('can still be connected after somebody else said that the other side did not agree', async () => {
    const state = await begun();
    await callback({ state, error: 'access_denied' }).expect(400);
    const before = partner.requests.length;
    await confirm({ state, code: 'a-code' }).expect(200);
    expect(partner.requests).toHaveLength(before + 1);
  });

  it('is not connected by what was not begun here', async () => {
    const cases: [Record<string, string>, string?][] = [
      [{ state: 'x', code: 'a-code' }],
      [{ code: 'a-code' }],
      [{ state: await begun() }],
      [{ state: await begun(), error: 'access_denied', error_description: '<script>alert(1)</script>' }],
      [{ state: await begun(), code: 'a-code' }, 'crm'],
    ];
    const before = partner.requests.length;
    for (const [query, name] of cases) {
      const { text } = await callback(query, name).expect(400);
      expect(text).not.toContain('<script');
    }
    await confirm({ state: await begun(), code: 'a-code' }, 'crm').expect(400);
    expect(partner.requests).toHaveLength(before);
  });

  it('says on the page when the code is refused, and nothing of what the other side wrote', async () => {
    const before = partner.answer;
    partner.answer = () => [400, { error: 'invalid_grant', error_description: 'internal words' }];
    const { text } = await confirm({ state: await begun(), code: 'bad' }).expect(503);
    expect(text).toContain('Not connected: the token endpoint answered 400 (invalid_grant).');
    expect(text).not.toContain('internal words');
    partner.answer = before;
  });

  it('must be one', async () => {
    await t.admin.post('/admin/connections/crm/connect').expect(400);
    await t.admin.post('/admin/connections/nobody/connect').expect(404);
  });
});

describe('symbolon connections', () => {
  it('status shows every connection in a line, or all about one', async () => {
    const { code, stdout } = await run(['connections', 'status']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/crm +closed +4 +2 +0 +1 \(9 left\) +0\/32 +0 +until 2026-01-01T00:10:00.000Z/);
    const one = await run(['connections', 'status', 'crm']);
    expect(one.stdout).toContain('2 status_2xx');
    expect(one.stdout).toContain('unreachable at 2026-01-01T00:00:00.000Z');
    expect((await run(['connections', 'status', 'nobody'])).code).toBe(1);
    const json = await run(['connections', 'status', 'crm', '--json']);
    expect(JSON.parse(json.stdout)).toMatchObject({ items: [{ name: 'crm', max_waiting: 1_024 }] });
  });

  it('connect prints the address to open and where the browser comes back to', async () => {
    const { code, stdout } = await run(['connections', 'connect', 'messenger']);
    expect(code).toBe(0);
    expect(stdout).toContain(`${partner.url}/authorize?`);
    expect(stdout).toContain(`${PUBLIC_URL}/connections/messenger/callback`);
    expect((await run(['connections', 'connect', 'crm'])).code).toBe(1);
  });
});

it('answers that refuse our credentials are counted apart from calls that failed', async () => {
  const refused = async () => (await connections())['crm']?.['refused'] as number;
  const before = await refused();
  t.crm.mode = 'unauthorized';
  await t.admin.get('/admin/doctor').expect(200);
  expect(await refused()).toBeGreaterThan(before);
  t.crm.mode = 'ok';
});
