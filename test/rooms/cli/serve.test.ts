import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { folder } from '../config/settings.ts';
import { type Finished, symbolon } from './run.ts';

const main = resolve(import.meta.dirname, '../../../bin/symbolon.mjs');

const settings = `public_url: http://localhost:8080
listen: { port: 0 }
admin: { port: 0 }
ops: { port: 0 }
`;

interface Running {
  child: ChildProcess;
  url: string;
  stderr: () => string;
  stop(signal: NodeJS.Signals): Promise<number | null>;
}

describe('the command line and a real service', () => {
  let place: ReturnType<typeof folder>;
  let running: Running[] = [];

  beforeEach(() => {
    place = folder();
    place.write('symbolon.yaml', settings);
  });
  afterEach(async () => {
    await Promise.all(running.map((one) => one.stop('SIGKILL')));
    running = [];
    place[Symbol.dispose]();
  });

  const run = (args: string[], input?: string): Promise<Finished> =>
    symbolon(args, { cwd: place.path, ...(input === undefined ? {} : { input }) });
  const json = async (args: string[], input?: string): Promise<Record<string, unknown>> => {
    const { stdout, stderr, code } = await run([...args, '--json'], input);
    expect([code, stderr]).toEqual([0, '']);
    return JSON.parse(stdout) as Record<string, unknown>;
  };

  /** Starts `serve` and waits until it says where it listens. */
  async function serve(env: Record<string, string> = {}): Promise<Running> {
    const child = spawn(process.execPath, [main, 'serve'], {
      cwd: place.path,
      env: { PATH: process.env['PATH'] ?? '', ...env },
      timeout: 60_000,
    });
    let stderr = '';
    const ended = new Promise<number | null>((done) => child.on('close', done));
    const url = await new Promise<string>((done, fail) => {
      child.stdout.resume();
      child.stderr.on('data', (chunk: Buffer) => {
        stderr += chunk.toString();
        const found = / on (http:\/\/\S+)\. /.exec(stderr)?.[1];
        if (found) done(found);
      });
      child.on('close', () => fail(new Error(`serve ended: ${stderr}`)));
    });
    const one: Running = {
      child,
      url,
      stderr: () => stderr,
      stop: (signal) => {
        child.kill(signal);
        return ended;
      },
    };
    running.push(one);
    return one;
  }

  it('a partner can be set up before the first start, and everything is there when it serves', async () => {
    await json(['partners', 'create', 'acme', '--groups', 'default', '--fields', 'plan']);
    const client = await json(['clients', 'create', '--partner', 'acme']);
    await json(['users', 'add', 'pat', '--reference', '17', '--password-stdin'], 'a long enough pass phrase');
    const { url } = await serve();
    const token = await fetch(`${url}/access_token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: String(client['client_id']),
        client_secret: String(client['client_secret']),
      }),
    });
    expect(token.status).toBe(200);
    const customer = await fetch(`${url}/customer_authenticate`, {
      method: 'POST',
      body: new URLSearchParams({
        username: 'pat',
        password: 'a long enough pass phrase',
        delivery: 'token',
      }),
    });
    expect(customer.status).toBe(200);
    const { customer_id } = (await customer.json()) as { customer_id: string };
    expect(await json(['trace', customer_id, '--reason', 'test case'])).toMatchObject({ reference: '17' });
  });

  it('a change by command is in force in the running service at once', async () => {
    await json(['partners', 'create', 'acme', '--groups', 'default']);
    const { url } = await serve();
    const client = await json(['clients', 'create', '--partner', 'acme']);
    const ask = () =>
      fetch(`${url}/oauth/token`, {
        method: 'POST',
        body: new URLSearchParams({
          grant_type: 'client_credentials',
          client_id: String(client['client_id']),
          client_secret: String(client['client_secret']),
        }),
      });
    expect((await ask()).status).toBe(200);
    await json(['clients', 'revoke', String(client['client_id'])]);
    expect((await ask()).status).toBe(401);
  });

  it('every change is in the audit log, whose chain holds', async () => {
    await json(['partners', 'create', 'acme', '--groups', 'default']);
    await json(['signing-keys', 'rotate', '--ring', 'access']);
    await json(['identifiers', 'rotate-key']);
    const { items } = (await json(['audit', 'list'])) as { items: { event: string }[] };
    const events = items.map((one) => one.event);
    expect(events).toContain('partner.created');
    expect(events).toContain('signing_key.added');
    expect(await json(['audit', 'verify'])).toMatchObject({ ok: true });
  });

  it('stops in order on SIGTERM, and takes its address file with it', async () => {
    const service = await serve();
    const file = join(place.path, '.symbolon/service.json');
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ pid: service.child.pid });
    expect(await service.stop('SIGTERM')).toBe(0);
    expect(existsSync(file)).toBe(false);
  });

  it('commands work after a kill that left the address file behind', async () => {
    const service = await serve();
    await service.stop('SIGKILL');
    expect(existsSync(join(place.path, '.symbolon/service.json'))).toBe(true);
    expect(await json(['partners', 'list'])).toEqual({ items: [] });
  });

  it('a second service on the same data is refused, and says why', async () => {
    await serve();
    const { code, stderr } = await run(['serve']);
    expect(code).toBe(1);
    expect(stderr).toContain('Another process uses the database');
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  it('a key-encryption key that is not the one of the data stops the start, and nothing is changed', async () => {
    await json(['partners', 'create', 'acme']);
    const env = { SYMBOLON_KEY: 'a0k3Zr9mQ1uXc7Yt5Lw2Vb8Nf4Hs6Jd0PgTeRiOoAzE' };
    const { code, stderr } = await symbolon(['serve'], { cwd: place.path, env });
    expect(code).toBe(1);
    expect(stderr).toMatch(/key/i);
    expect(stderr).not.toContain(env.SYMBOLON_KEY);
    expect(await json(['partners', 'list'])).toMatchObject({ items: [{ id: 'acme' }] });
  });

  it('says at the first start which generated file to keep, and where', async () => {
    const { stderr } = await serve();
    await expect.poll(stderr).toMatch(/key-encryption-key, .*Keep a copy of it, apart from the database/);
    expect(stderr()).toMatch(/admin-token, .*It needs no backup/);
  });

  it('a data directory that cannot be written is named by serve and doctor', async () => {
    place.write('taken', '');
    place.write('symbolon.yaml', 'public_url: http://localhost:8080\ndata_dir: taken/data\n');
    const sentence = /data_dir \S+taken\/data cannot be written by this user/;
    expect((await symbolon(['serve'], { cwd: place.path })).stderr).toMatch(sentence);
    expect((await symbolon(['doctor'], { cwd: place.path })).stdout).toMatch(sentence);
  });

  it('in production it wants a key-encryption key of the operator', async () => {
    const { code, stderr } = await symbolon(['serve'], { cwd: place.path, env: { NODE_ENV: 'production' } });
    expect(code).toBe(1);
    expect(stderr).toContain('SYMBOLON_KEY');
    expect(existsSync(join(place.path, '.symbolon/key-encryption-key'))).toBe(false);
  });

  it('a port that is taken is named with the setting', async () => {
    const other = createServer();
    const port = await new Promise<number>((done) =>
      other.listen(0, '127.0.0.1', () => done((other.address() as { port: number }).port)),
    );
    try {
      const { code, stderr } = await symbolon(['serve'], { cwd: place.path, env: { PORT: String(port) } });
      expect(code).toBe(1);
      expect(stderr).toContain('listen.port');
      const doctor = await symbolon(['doctor'], { cwd: place.path, env: { PORT: String(port) } });
      expect(doctor.code).toBe(1);
      expect(doctor.stdout).toMatch(/✗ public listener: .*EADDRINUSE.* → Set listen\.port/);
    } finally {
      other.close();
    }
  });

  it('doctor has nothing to complain about once there are users and a partner', async () => {
    expect((await run(['doctor'])).code).toBe(1);
    await json(['partners', 'create', 'acme', '--groups', 'default']);
    await json(['users', 'add', 'pat', '--password-stdin'], 'a long enough pass phrase');
    const before = await run(['doctor']);
    expect(before.stdout).not.toContain('✗');
    expect(before.code).toBe(0);
    await serve();
    expect((await run(['doctor'])).stdout).toContain('✓ service: is running');
  });

  it('doctor says that the running service has not read what the file says now, and which part of it', async () => {
    await serve();
    place.write('symbolon.yaml', `${settings}sessions: { idle_seconds: 600 }\n`);
    const { stdout } = await run(['doctor']);
    expect(stdout).toContain(
      '! service: is running with another configuration (other: sessions); restart it. The lines above are about the old one.',
    );
    place.write(
      'symbolon.yaml',
      `# only a remark\nops: { port: 0 }\n${settings.replace('ops: { port: 0 }\n', '')}`,
    );
    expect((await run(['doctor'])).stdout).toContain('✓ service: is running');
  });
});
