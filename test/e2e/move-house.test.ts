/** An installation on the embedded database moves to PostgreSQL and Redis. Nobody outside may notice. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../src/config/config.ts';
import { TABLES } from '../../src/stores/sql/table-list.ts';
import { symbolon } from '../rooms/cli/run.ts';
import { postgresMissing, type PostgresServer, startPostgres } from '../support/postgres.ts';
import { redisMissing, type RedisServer, startRedis } from '../support/redis.ts';
import { configure, PUBLIC_URL, type ServeProcess, serve } from './serve-process.ts';

const PASSWORD = 'correct horse battery staple';
const USERS = ['mira', 'noor', 'odo'];
const missing = [postgresMissing(), redisMissing()].filter((why) => why !== undefined).join(', ');

let folder: string;
let service: ServeProcess | undefined;
let postgres: PostgresServer;
let redis: RedisServer;

const settings = (storage: ConfigInput['storage']): Partial<ConfigInput> => ({
  storage,
  default_channel: 'web',
  channels: [
    { id: 'web', group: 'chat' },
    { id: 'ios', group: 'chat', delivery: 'token', refresh_tokens: {} },
  ],
});
const run = (...args: string[]) => symbolon(args, { cwd: folder });

beforeAll(async () => {
  if (missing) return;
  folder = mkdtempSync(join(tmpdir(), 'symbolon-move-house-'));
  [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
}, 60_000);
afterAll(async () => {
  if (missing) return;
  await service?.end('SIGKILL');
  await Promise.all([postgres.stop(), redis.stop()]);
  rmSync(folder, { recursive: true, force: true });
});

interface SignedIn {
  customer_id: string;
  JWT?: string;
  refresh_token?: string;
}

async function authenticate(body: object): Promise<{ answer: SignedIn; cookie: string }> {
  const response = await fetch(`${(service as ServeProcess).url}/customer_authenticate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const answer = (await response.json()) as SignedIn;
  if (response.status !== 200) throw new Error(`${response.status} ${JSON.stringify(answer)}`);
  return { answer, cookie: response.headers.getSetCookie()[0]?.split(';')[0] ?? '' };
}

const whoAmI = async (path: string, headers: Record<string, string>) => {
  const response = await fetch((service as ServeProcess).url + path, { headers });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
};

type Rows = Record<string, unknown>[];

function embeddedRows(file: string): Record<string, Rows> {
  const db = new DatabaseSync(file, { readOnly: true });
  try {
    return Object.fromEntries(
      TABLES.map(({ name }) => [
        name,
        db
          .prepare(`select * from ${name}`)
          .all()
          .map((row) => ({ ...row })),
      ]),
    );
  } finally {
    db.close();
  }
}

async function postgresRows(url: string): Promise<Record<string, Rows>> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const all: Record<string, Rows> = {};
    for (const { name } of TABLES) all[name] = (await client.query(`select * from ${name}`)).rows as Rows;
    return all;
  } finally {
    await client.end();
  }
}

/** Comparable: numbers of both drivers as text, members and rows in one order. */
const tidy = (rows: Rows) =>
  rows
    .map((row) =>
      JSON.stringify(
        Object.entries(row)
          .map(([name, value]) => [name, value === null ? null : String(value as string | number)])
          .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)),
      ),
    )
    .sort();

describe.skipIf(missing !== '')(`a move to PostgreSQL and Redis ${missing}`, () => {
  it('changes no identifier, key, token, session or record, and is itself on record', async () => {
    configure(folder, settings({}));
    service = await serve(folder);
    await service.admin('POST', '/admin/partners', { id: 'north', channel_groups: ['chat'] });
    const key = await service.admin('POST', '/admin/api-keys', { partner: 'north' });
    for (const username of USERS) {
      const user = { username, password: PASSWORD, reference: `reference-of-${username}` };
      await service.admin('POST', '/admin/directories/directory/users', user);
    }
    const known = new Map<string, string>();
    for (const username of USERS) {
      const { answer } = await authenticate({ username, password: PASSWORD, channel: 'ios' });
      known.set(username, answer.customer_id);
    }
    const phone = (await authenticate({ username: 'mira', password: PASSWORD, channel: 'ios' })).answer;
    const { cookie } = await authenticate({ username: 'mira', password: PASSWORD, channel: 'web' });
    const ended = await authenticate({ username: 'noor', password: PASSWORD, channel: 'web' });
    await service.admin('POST', `/admin/customers/${known.get('noor')}/end-sessions`, { reason: 'lost' });

    const copy = join(folder, 'copy.db');
    expect(await run('backup', copy)).toMatchObject({ code: 0 });
    expect(statSync(copy).mode & 0o777).toBe(0o600);
    expect(embeddedRows(copy)['customers']).toHaveLength(USERS.length);
    expect((await run('backup', copy)).stderr).toContain('exists already');

    await service.end('SIGTERM');
    const file = join(folder, 'move.jsonl');
    expect(await run('export', file)).toMatchObject({ code: 0 });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const text = readFileSync(file, 'utf8');
    for (const clear of [PASSWORD, key['secret'] as string]) expect(text.includes(clear)).toBe(false);
    const before = embeddedRows(join(folder, 'data', 'symbolon.db'));

    const database_url = await postgres.createDatabase();
    configure(folder, settings({ database_url, redis_url: redis.url }));
    expect(await run('migrate', '--check')).toMatchObject({ code: 1 });
    const tried = await run('migrate', '--dry-run');
    expect(tried).toMatchObject({ code: 0 });
    expect(tried.stdout).toContain('works, and was taken back');
    expect(await run('migrate', '--check')).toMatchObject({ code: 1 });
    writeFileSync(join(folder, 'half.jsonl'), text.slice(0, text.length / 2));
    expect((await run('import', 'half.jsonl')).stderr).toContain('Nothing was imported');
    const imported = await run('import', file);
    expect(imported).toMatchObject({ code: 0, stderr: '' });
    expect(imported.stdout).toMatch(/^\d+ rows of \d+ tables were imported, read back and compared\.\n$/);
    expect(await run('migrate', '--check')).toMatchObject({ code: 0 });

    const after = await postgresRows(database_url);
    for (const { name } of TABLES.filter((one) => !one.name.startsWith('audit_'))) {
      expect([name, tidy(after[name] as Rows)]).toEqual([name, tidy(before[name] as Rows)]);
    }
    const records = tidy(after['audit_records'] as Rows);
    expect(records).toEqual(expect.arrayContaining(tidy(before['audit_records'] as Rows)));
    expect(records).toHaveLength((before['audit_records'] as Rows).length + 1);
    expect((await run('import', file)).stderr).toContain('is not empty');

    // And back again: PostgreSQL gives what the embedded database gave.
    expect(await run('export', 'back.jsonl')).toMatchObject({ code: 0 });
    const digests = (lines: string) =>
      lines.split('\n').filter((line) => line.startsWith('{"end_of"') && !line.includes('"audit_'));
    expect(digests(readFileSync(join(folder, 'back.jsonl'), 'utf8'))).toEqual(digests(text));

    service = await serve(folder);
    expect(await whoAmI('/customer_session', { cookie })).toMatchObject({
      status: 200,
      body: { customer_id: known.get('mira') },
    });
    expect((await whoAmI('/customer_session', { cookie: ended.cookie })).status).toBe(401);
    expect(await whoAmI('/whoami', { authorization: `Bearer ${key['secret'] as string}` })).toMatchObject({
      status: 200,
      body: { partner: 'north' },
    });
    const keys = (await whoAmI('/.well-known/jwks.json', {})).body as unknown as JSONWebKeySet;
    const old = await jwtVerify(phone.JWT as string, createLocalJWKSet(keys), { issuer: PUBLIC_URL });
    expect(old.payload.sub).toBe(known.get('mira'));
    const renewal = { grant_type: 'refresh_token', refresh_token: phone.refresh_token };
    expect((await authenticate(renewal)).answer.customer_id).toBe(known.get('mira'));
    for (const [username, customerId] of known) {
      const { answer } = await authenticate({ username, password: PASSWORD, channel: 'ios' });
      expect(answer.customer_id).toBe(customerId);
      const body = { customer_id: customerId, reason: 'move' };
      expect(await service.admin('POST', '/admin/identifiers/trace', body)).toMatchObject({
        reference: `reference-of-${username}`,
      });
    }
    expect(await service.admin('POST', '/admin/audit/verify')).toMatchObject({ ok: true });
    for (const [event, times] of Object.entries({ backed_up: 1, exported: 2, imported: 1 })) {
      const path = `/admin/audit?event=data.${event}`;
      const { items } = (await service.admin('GET', path)) as { items: object[] };
      expect([event, items.length]).toEqual([event, times]);
    }
  }, 120_000);
});
