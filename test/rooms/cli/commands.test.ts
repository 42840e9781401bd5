import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { folder } from '../config/settings.ts';
import { symbolon } from './run.ts';

const TOKEN = 'kf83hf73hf83hf93hf83hf73';

interface Call {
  method: string;
  path: string;
  authorization: string | undefined;
  body: unknown;
}

/** A service as the command line sees it: an admin API that remembers each call and gives what it was told to. */
describe('commands', () => {
  let server: Server;
  let place: ReturnType<typeof folder>;
  let calls: Call[] = [];
  let answer: { status: number; body: unknown };

  beforeAll(async () => {
    server = createServer((req, res) => {
      const chunks: Buffer[] = [];
      req.on('data', (chunk: Buffer) => chunks.push(chunk));
      req.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        const status = req.url === '/admin/status';
        if (!status) {
          const body: unknown = text === '' ? undefined : JSON.parse(text);
          calls.push({
            method: req.method ?? '',
            path: req.url ?? '',
            authorization: req.headers.authorization,
            body,
          });
        }
        res.writeHead(status ? 200 : answer.status, { 'content-type': 'application/json' });
        res.end(JSON.stringify(status ? {} : answer.body));
      });
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    place = folder();
    place.write('symbolon.yaml', 'public_url: http://localhost:8080\n');
    mkdirSync(`${place.path}/.symbolon`);
    const admin_url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    writeFileSync(`${place.path}/.symbolon/service.json`, JSON.stringify({ pid: process.pid, admin_url }));
  });
  afterAll(() => {
    server.close();
    place[Symbol.dispose]();
  });
  beforeEach(() => {
    calls = [];
    answer = { status: 200, body: { items: [] } };
  });

  const run = (args: string[], input?: string) =>
    symbolon(args, {
      cwd: place.path,
      env: { ADMIN_TOKEN: TOKEN },
      ...(input === undefined ? {} : { input }),
    });

  it.each<[string[], string, string, unknown]>([
    [
      ['partners', 'create', 'acme', '--groups', 'a,b', '--fields', 'plan', '--tier', 'staging'],
      'POST',
      '/admin/partners',
      { id: 'acme', channel_groups: ['a', 'b'], visible_fields: ['plan'], tier: 'staging' },
    ],
    [['partners', 'list'], 'GET', '/admin/partners', undefined],
    [['partners', 'show', 'acme'], 'GET', '/admin/partners/acme', undefined],
    [['partners', 'update', 'acme', '--tier', 'default'], 'PATCH', '/admin/partners/acme', { tier: null }],
    [
      ['partners', 'update', 'acme', '--fields', 'plan'],
      'PATCH',
      '/admin/partners/acme',
      { visible_fields: ['plan'] },
    ],
    [
      ['partners', 'update', 'acme', '--masks', 'iban=last_four,born=year'],
      'PATCH',
      '/admin/partners/acme',
      { field_masks: { iban: 'last_four', born: 'year' } },
    ],
    [['partners', 'update', 'acme', '--masks', 'none'], 'PATCH', '/admin/partners/acme', { field_masks: {} }],
    [['fields'], 'GET', '/admin/fields', undefined],
    [['partners', 'disable', 'acme'], 'PATCH', '/admin/partners/acme', { disabled: true }],
    [['partners', 'enable', 'acme'], 'PATCH', '/admin/partners/acme', { disabled: false }],
    [
      ['clients', 'create', '--partner', 'acme', '--label', 'live'],
      'POST',
      '/admin/clients',
      { partner: 'acme', label: 'live' },
    ],
    [
      ['clients', 'create', '--partner', 'acme', '--label', 'Budget', '--type', 'native'].concat(
        ['--redirect', 'com.example.budget:/cb?a=1,2', '--redirect', 'http://127.0.0.1/cb'],
        ['--grants', 'authorization_code,token-exchange', '--first-party', '--public'],
      ),
      'POST',
      '/admin/clients',
      {
        partner: 'acme',
        label: 'Budget',
        application_type: 'native',
        redirect_uris: ['com.example.budget:/cb?a=1,2', 'http://127.0.0.1/cb'],
        grant_types: ['authorization_code', 'urn:ietf:params:oauth:grant-type:token-exchange'],
        party: 'first',
        authentication: 'none',
      },
    ],
    [
      ['clients', 'create', '--partner', 'acme', '--label', 'Genesys', '--first-party', '--openid'].concat([
        '--redirect',
        'https://www.example.com/',
      ]),
      'POST',
      '/admin/clients',
      {
        partner: 'acme',
        label: 'Genesys',
        party: 'first',
        redirect_uris: ['https://www.example.com/'],
        openid: {},
      },
    ],
    [
      ['clients', 'create', '--partner', 'acme', '--redirect', 'https://lp.example.com/'].concat(
        ['--pkce', 'vendor', '--claim', 'email=mail', '--claim', 'plan', '--claims-in-id-token'],
        ['--acr', 'loa1'],
      ),
      'POST',
      '/admin/clients',
      {
        partner: 'acme',
        label: 'client',
        redirect_uris: ['https://lp.example.com/'],
        openid: {
          pkce: 'vendor',
          claims: { email: 'mail', plan: 'plan' },
          claims_in_id_token: true,
          acr: 'loa1',
        },
      },
    ],
    [
      ['clients', 'update', 'cl_1', '--redirect', 'https://app.example.com/cb', '--scopes', 'whoami'],
      'PATCH',
      '/admin/clients/cl_1',
      { redirect_uris: ['https://app.example.com/cb'], scopes: ['whoami'] },
    ],
    [['clients', 'list', '--partner', 'acme'], 'GET', '/admin/clients?partner=acme', undefined],
    [['clients', 'revoke', 'cl_1'], 'POST', '/admin/clients/cl_1/revoke', undefined],
    [
      [
        'keys',
        'create',
        '--partner',
        'acme',
        '--use',
        'signing',
        '--environment',
        'test',
        '--expires',
        '2030-01-31',
      ],
      'POST',
      '/admin/api-keys',
      {
        partner: 'acme',
        label: 'key',
        use: 'signing',
        environment: 'test',
        expires_at: '2030-01-31T00:00:00.000Z',
      },
    ],
    [['keys', 'list'], 'GET', '/admin/api-keys', undefined],
    [['keys', 'revoke', 'k/1'], 'POST', '/admin/api-keys/k%2F1/revoke', undefined],
    [['keys', 'rotate', 'ak_1'], 'POST', '/admin/api-keys/ak_1/rotate', {}],
    [
      ['keys', 'rotate', 'ak_1', '--grace', '24h', '--until', '2030-01-31', '--expires', 'never'],
      'POST',
      '/admin/api-keys/ak_1/rotate',
      { grace_seconds: 86_400, latest_end: '2030-01-31T00:00:00.000Z', expires_at: null },
    ],
    [
      ['keys', 'compromised', 'ak_1', '--secret', 'as_1', '--reason', 'leaked'],
      'POST',
      '/admin/api-keys/ak_1/compromised',
      { secret_id: 'as_1', reason: 'leaked' },
    ],
    [['keys', 'report'], 'GET', '/admin/credentials/report', undefined],
    [['keys', 'report', '--all'], 'GET', '/admin/credentials/report?all=true', undefined],
    [
      ['clients', 'rotate-secret', 'cl_1', '--grace', '30m'],
      'POST',
      '/admin/clients/cl_1/rotate-secret',
      { grace_seconds: 1_800 },
    ],
    [['clients', 'compromised', 'cl_1'], 'POST', '/admin/clients/cl_1/compromised', {}],
    [['users', 'list'], 'GET', '/admin/directories/directory/users', undefined],
    [['users', 'disable', 'pat'], 'POST', '/admin/directories/directory/users/pat/disable', undefined],
    [['identifiers', 'rotate-key'], 'POST', '/admin/identifiers/rotate-key', undefined],
    [
      ['trace', 'c1abc', '--reason', 'case 1'],
      'POST',
      '/admin/identifiers/trace',
      { customer_id: 'c1abc', reason: 'case 1' },
    ],
    [['signing-keys', 'list'], 'GET', '/admin/signing-keys', undefined],
    [
      ['signing-keys', 'rotate', '--ring', 'access', '--emergency'],
      'POST',
      '/admin/signing-keys/rotate',
      { ring: 'access', emergency: true },
    ],
    [['sessions', 'devices', '--customer', 'c1abc'], 'GET', '/admin/customers/c1abc/devices', undefined],
    [
      ['sessions', 'end', '--customer', 'c1abc', '--reason', 'lost phone'],
      'POST',
      '/admin/customers/c1abc/end-sessions',
      { reason: 'lost phone' },
    ],
    [['sessions', 'rotate-secret'], 'POST', '/admin/session-secrets/rotate', undefined],
    [['audit', 'list', '--event', 'x', '--limit', '5'], 'GET', '/admin/audit?limit=5&event=x', undefined],
  ])('%s makes one call of the admin API, with the admin token', async (args, method, path, body) => {
    const { code, stderr } = await run(args);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(calls).toEqual([{ method, path, authorization: `Bearer ${TOKEN}`, body }]);
  });

  it('users get their password from standard input, never from an argument', async () => {
    const { code } = await run(
      ['users', 'add', 'pat', '--reference', '17', '--password-stdin'],
      'a pass phrase\n',
    );
    expect(code).toBe(0);
    expect(calls[0]?.body).toEqual({ username: 'pat', reference: '17', password: 'a pass phrase' });
    const changed = await run(['users', 'set-password', 'pat', '--password-stdin'], 'another one');
    expect(changed.code).toBe(0);
    expect(calls[1]).toMatchObject({
      method: 'PUT',
      path: '/admin/directories/directory/users/pat/password',
      body: { password: 'another one' },
    });
    const refused = await run(['users', 'add', 'pat', '--reference', '17', '--password', 'x']);
    expect(refused.code).toBe(2);
    const nowhere = await run(['users', 'add', 'pat', '--reference', '17']);
    expect(nowhere.code).toBe(2);
    expect(nowhere.stderr).toContain('--password-stdin');
    expect(calls).toHaveLength(2);
  });

  it('a new secret is printed with the warning that it is shown once', async () => {
    answer.body = { client_id: 'cl_1', partner: 'acme', client_secret: 'the-secret' };
    const { stdout } = await run(['clients', 'create', '--partner', 'acme']);
    expect(stdout).toContain('the-secret');
    expect(stdout).toContain('cannot be shown again');
  });

  it('lists are tables for people and JSON for scripts', async () => {
    answer.body = {
      items: [{ id: 'acme', name: 'Acme\u001b[31m', channel_groups: ['a', 'b'], tier: 'staging' }],
    };
    const people = await run(['partners', 'list']);
    expect(people.stdout).toMatch(/^id +name +channel groups/);
    expect(people.stdout).toMatch(/acme +Acme +a, b/);
    expect(people.stdout).not.toContain('\u001b');
    const scripts = await run(['--json', 'partners', 'list']);
    expect(JSON.parse(scripts.stdout)).toEqual(answer.body);
    const after = await run(['partners', 'list', '--json']);
    expect(after.stdout).toBe(scripts.stdout);
  });

  it('fields tells who sees what, one line for each viewer, with what is doubtful below', async () => {
    const source = {
      path: 'a.iban',
      type: null,
      mask: null,
      has_default: false,
      cache_seconds: 30,
      unfit: 0,
    };
    answer.body = {
      items: [
        {
          field: 'iban',
          sources: [{ ...source, backend: 'crm' }],
          seen_by: [
            { partner: 'acme', mask: null, disabled: true },
            { partner: 'zeta', mask: 'last_four', disabled: false },
          ],
          sent_to: [{ channel: 'web', attribute: 'account' }],
          warnings: [],
        },
        {
          field: 'name',
          sources: [{ ...source, backend: 'crm', type: 'string', mask: 'initials' }],
          seen_by: [],
          sent_to: [],
          warnings: ['Nobody sees it, so it is never asked for.'],
        },
      ],
    };
    const { stdout } = await run(['fields']);
    expect(stdout.split('\n').map((line) => line.replaceAll(/ {2,}/g, ' | '))).toEqual([
      'field | seen by | shown as | from',
      'iban | acme (disabled) | whole | crm: a.iban, kept 30 s',
      'iban | zeta | last_four | crm: a.iban, kept 30 s',
      'iban | channel web as account | whole | crm: a.iban, kept 30 s',
      'name | nobody | - | crm: a.iban (string), kept 30 s',
      '! name: Nobody sees it, so it is never asked for.',
      '',
    ]);
    const one = await run(['fields', '--partner', 'zeta', '--json']);
    expect(JSON.parse(one.stdout)).toMatchObject({
      items: [{ field: 'iban', seen_by: [{ partner: 'zeta' }] }],
    });
    const none = await run(['fields', '--partner', 'other']);
    expect(none.code).toBe(1);
    expect(none.stderr).toContain('sees no field');
  });

  it('a mask that is not written as one is a usage error, and nothing is called', async () => {
    const { code, stderr } = await run(['partners', 'update', 'acme', '--masks', 'iban']);
    expect([code, calls]).toEqual([2, []]);
    expect(stderr).toContain('FIELD=MASK');
  });

  it('a refusal of the service is one sentence and exit code 1', async () => {
    answer = {
      status: 409,
      body: {
        success: false,
        error: { code: 'CONFLICT', message: 'A partner of this id exists.', request_id: 'r' },
      },
    };
    const { code, stdout, stderr } = await run(['partners', 'create', 'acme']);
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toBe('A partner of this id exists. (CONFLICT)\n');
  });

  it('a broken audit chain is exit code 1', async () => {
    answer.body = {
      ok: false,
      chains: [{ chain: 'changes', records: 9, ok: false, first_broken_sequence: 3 }],
    };
    expect((await run(['audit', 'verify'])).code).toBe(1);
    answer.body = {
      ok: true,
      chains: [{ chain: 'changes', records: 9, ok: true, first_broken_sequence: null }],
    };
    const whole = await run(['audit', 'verify']);
    expect(whole.code).toBe(0);
    expect(whole.stdout).toContain('whole');
  });

  it('doctor fails when the service found a failure, and says the fix', async () => {
    answer.body = {
      ok: false,
      findings: [
        { subject: 'store', ok: true, message: 'answers' },
        { subject: 'backend crm', ok: false, message: 'Cannot be reached. Check connections.api.base_url.' },
      ],
    };
    const { code, stdout } = await run(['doctor']);
    expect(code).toBe(1);
    expect(stdout).toContain('✓ store: answers');
    expect(stdout).toContain('✗ backend crm: Cannot be reached. Check connections.api.base_url.');
    const scripts = await run(['doctor', '--json']);
    expect(scripts.code).toBe(1);
    expect(JSON.parse(scripts.stdout)).toMatchObject({ ok: false });
  });

  it('doctor shows a warning without failing, and asks about a customer by reference and space', async () => {
    answer.body = {
      ok: true,
      findings: [{ subject: 'backend crm', ok: true, warning: true, message: 'found plan; not found age' }],
    };
    const { code, stdout } = await run(['doctor', '--customer', '4711', '--space', 'crm']);
    expect(code).toBe(0);
    expect(stdout).toContain('! backend crm about this customer: found plan; not found age');
    expect(calls).toMatchObject([
      { method: 'GET', path: '/admin/doctor' },
      { method: 'POST', path: '/admin/doctor', body: { reference: '4711', reference_space: 'crm' } },
    ]);
  });

  it('a partner is shown with what the configuration does not have of it', async () => {
    answer = { status: 201, body: { id: 'acme', warnings: ['No backend offers the field "plam".'] } };
    const { code, stdout, stderr } = await run(['partners', 'create', 'acme', '--fields', 'plam']);
    expect(code).toBe(0);
    expect(stdout).not.toContain('warnings');
    expect(stderr).toBe('! No backend offers the field "plam".\n');
  });

  it('doctor names every problem of a configuration', async () => {
    using other = folder();
    other.write('symbolon.yaml', 'public_url: http://id.example.com\nlissten: {}\n');
    const { code, stdout } = await symbolon(['doctor'], { cwd: other.path });
    expect(code).toBe(1);
    expect(stdout).toContain('✗ public_url: ');
    expect(stdout).toContain('✗ lissten: is not a known setting → Did you mean "listen"?');
  });

  it.each([
    [['partnerz'], /partners/],
    [['partners', 'crate', 'x'], /create/],
    [['partners', 'create'], /missing required argument/],
    [['keys', 'create'], /--partner/],
    [['keys', 'create', '--partner', 'a', '--use', 'both'], /bearer/],
    [['keys', 'create', '--partner', 'a', '--expires', 'soon'], /2030-01-31/],
    [['audit', 'list', '--limit', '0'], /1 to 1000/],
    [['trace', 'c1abc'], /--reason/],
    [['serve', '--prot', '1'], /unknown option/],
  ])('%s is called wrongly: exit code 2 and a word on how to call it', async (args, words) => {
    const { code, stdout, stderr } = await run(args);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toMatch(words);
    expect(calls).toEqual([]);
  });

  it('help lists every command and exits with 0', async () => {
    const { code, stdout } = await run(['--help']);
    expect(code).toBe(0);
    for (const word of [
      'start',
      'serve',
      'demo',
      'init',
      'doctor',
      'config',
      'partners',
      'clients',
      'keys',
      'users',
      'identifiers',
      'trace',
      'sessions',
      'signing-keys',
      'audit',
      'openapi',
    ]) {
      expect(stdout).toMatch(new RegExp(`^  ${word} `, 'm'));
    }
  });

  it('init writes the example and never overwrites', async () => {
    using fresh = folder();
    const first = await symbolon(['init'], { cwd: fresh.path });
    expect(first.code).toBe(0);
    const written = readFileSync(`${fresh.path}/symbolon.yaml`, 'utf8');
    expect(written).toContain('public_url:');
    fresh.write('symbolon.yaml', 'mine');
    const second = await symbolon(['init'], { cwd: fresh.path });
    expect(second.code).toBe(1);
    expect(second.stderr).toContain('left as it is');
    expect(readFileSync(`${fresh.path}/symbolon.yaml`, 'utf8')).toBe('mine');
  });

  it('config print shows what is in effect, secrets masked', async () => {
    const { code, stdout } = await run(['config', 'print']);
    expect(code).toBe(0);
    expect(stdout).toContain('public_url: http://localhost:8080');
    expect(stdout).not.toContain(TOKEN);
  });

  it('serve refuses to start unconfigured', async () => {
    using empty = folder();
    const { code, stderr } = await symbolon(['serve'], { cwd: empty.path });
    expect(code).toBe(1);
    expect(stderr).toContain('symbolon init');
  });

  it.each(['demo', 'start'])('%s does not run the demo in production', async (word) => {
    using empty = folder();
    const { code, stderr } = await symbolon([word], { cwd: empty.path, env: { NODE_ENV: 'production' } });
    expect(code).toBe(1);
    expect(stderr).toContain('NODE_ENV=production');
  });

  it('without a configuration the commands reach the demo that runs in this folder', async () => {
    using demo = folder();
    mkdirSync(`${demo.path}/.symbolon`);
    const admin_url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    demo.write('.symbolon/demo.json', JSON.stringify({ admin_url, admin_token: 'of-the-demo' }));
    const { code } = await symbolon(['users', 'list'], { cwd: demo.path });
    expect(code).toBe(0);
    expect(calls).toMatchObject([
      { path: '/admin/directories/directory/users', authorization: 'Bearer of-the-demo' },
    ]);
  });

  it('the OpenAPI description is written, and a difference is exit code 1', async () => {
    using other = folder();
    const file = `${other.path}/openapi.yaml`;
    expect((await symbolon(['openapi', '--write', file], { cwd: other.path })).code).toBe(0);
    expect((await symbolon(['openapi', '--check', file], { cwd: other.path })).code).toBe(0);
    writeFileSync(file, readFileSync(file, 'utf8').replace('/getprofile', '/getprofiles'));
    const differing = await symbolon(['openapi', '--check', file], { cwd: other.path });
    expect(differing.code).toBe(1);
    expect(differing.stderr).toContain('npm run openapi');
  });
});
