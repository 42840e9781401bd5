import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Authenticator } from '../../../src/authenticators/authenticator.ts';
import {
  createPasswordHasher,
  type PasswordHasher,
} from '../../../src/authenticators/passwords/password-hasher.ts';
import { type HashSpec, parseStoredHash } from '../../../src/authenticators/passwords/stored-hash.ts';
import { sqlAuthenticator } from '../../../src/authenticators/sql/sql.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { createFailureReport } from '../../../src/outbound/failure-reason.ts';
import { createLogger } from '../../../src/platform/logger.ts';
import { createMetrics } from '../../../src/platform/metrics.ts';
import { type PostgresServer, postgresMissing, startPostgres } from '../../support/postgres.ts';
import { HASH, SQL_PASSWORD, SQL_PEOPLE } from '../../support/people-table.ts';

const CONTEXT = { requestId: 'req-1', channel: 'web' };
const REFUSED = { outcome: 'refused', reason: 'credentials' };
const DOWN = {
  outcome: 'unavailable',
  busy: false,
  retryAfterSeconds: 5,
  reason: expect.any(String) as string,
};
const signedIn = (reference: string) => ({ outcome: 'authenticated', space: 'crm', reference });
const QUERY =
  'select id as reference, hash as password_hash, locked, disabled, must_change as password_change_required from people where name = $1';

const lines: string[] = [];
const logger = createLogger('debug', { write: (line) => lines.push(line) });
const reportFailure = createFailureReport({ clock: systemClock, logger });
let hasher: PasswordHasher;
const opened: Authenticator[] = [];
let where: Record<string, unknown>;

beforeAll(() => {
  hasher = createPasswordHasher({ lanes: 2, maxWaiting: 64, metrics: createMetrics() });
});
afterAll(() => hasher.close());
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
});

function authenticator(changes: Record<string, unknown> = {}, by = hasher): Authenticator {
  const options = sqlAuthenticator.optionsSchema.parse({
    name: 'shop',
    type: 'sql',
    reference_space: 'crm',
    query: QUERY,
    ...where,
    ...changes,
  });
  const made = sqlAuthenticator.create(options, { hasher: by, logger, reportFailure });
  opened.push(made);
  return made;
}

const signIn = (username: string, password = SQL_PASSWORD, changes: Record<string, unknown> = {}) =>
  authenticator(changes).authenticate({ kind: 'password', username, password }, CONTEXT);

/** All of a hash but the bytes that differ from person to person. */
function costOf(stored: string | HashSpec): object {
  const { salt, tag, ...parameters } =
    typeof stored === 'string' ? (parseStoredHash(stored) as HashSpec) : stored;
  // `$2b$12$`: bcrypt keeps its cost there.
  const told = parameters.kind === 'bcrypt' ? salt.toString('latin1', 0, 7) : '';
  return { ...parameters, told, saltBytes: salt.length, tagBytes: tag.length };
}

/** What holds on every database. */
function everyDatabase(slow: string): void {
  it('gives the reference for the right password, whatever the kind of hash', async () => {
    expect(await signIn('mira')).toEqual(signedIn('4711'));
    expect(await signIn('argon')).toEqual(signedIn('4712'));
    expect(await signIn('django')).toEqual(signedIn('4713'));
    expect(await signIn('flask')).toEqual(signedIn('4714'));
  });

  it.each([
    ['a wrong password', 'mira', 'wrong'],
    ['an unknown name', 'nobody', SQL_PASSWORD],
    ['no password', 'mira', ''],
    ['no name', '', SQL_PASSWORD],
    ['a name with a quote', "mira' or '1'='1", SQL_PASSWORD],
    ['a second statement', "mira'; drop table people; --", SQL_PASSWORD],
    ['a wildcard', '%', SQL_PASSWORD],
    ['a name with a NUL', 'mira\0', SQL_PASSWORD],
    ['a space at the end', 'mira ', SQL_PASSWORD],
    ['other capitals', 'MIRA', SQL_PASSWORD],
    ['the hash for a password', 'mira', HASH.bcrypt],
    ['a disabled account', 'disabled', SQL_PASSWORD],
  ])('refuses %s in the same words', async (_what, username, password) => {
    expect(await signIn(username, password)).toEqual(REFUSED);
    expect(await signIn('mira')).toEqual(signedIn('4711'));
  });

  it('tells a locked account and a password to be changed to whoever knows the password', async () => {
    expect(await signIn('locked')).toEqual({ outcome: 'refused', reason: 'locked' });
    expect(await signIn('locked', 'wrong')).toEqual(REFUSED);
    expect(await signIn('stale')).toEqual({ outcome: 'refused', reason: 'password_change_required' });
  });

  it('can hand the name over in lower case', async () => {
    expect(await signIn('MIRA', SQL_PASSWORD, { username_form: 'lower' })).toEqual(signedIn('4711'));
  });

  it.each<[string, string, Record<string, unknown>]>([
    ['two rows', 'mira', { query: "select 1 as reference, 'x' as password_hash from people where $1 <> ''" }],
    ['a hash of an unknown kind', 'md5', {}],
    ['no reference', 'nameless', {}],
    ['a table that is not there', 'mira', { query: 'select 1 as reference from nothing where name = $1' }],
    ['a query that goes on for longer than it may', 'mira', { query: slow, timeout_ms: 300 }],
  ])('could not tell because of %s, and does not call it wrong', async (_what, username, changes) => {
    expect(await signIn(username, SQL_PASSWORD, changes)).toEqual(DOWN);
    expect(await signIn('mira')).toEqual(signedIn('4711'));
  });

  it('turns away more than its share as busy', async () => {
    const own = authenticator({ max_connections: 1 });
    const proof = { kind: 'password', username: 'mira', password: SQL_PASSWORD } as const;
    const outcomes = await Promise.all(Array.from({ length: 30 }, () => own.authenticate(proof, CONTEXT)));
    expect(outcomes.filter(({ outcome }) => outcome === 'authenticated')).toHaveLength(16);
    expect(outcomes.at(-1)).toEqual({ outcome: 'unavailable', busy: true, retryAfterSeconds: 1 });
  });

  it.each(['mira', 'argon', 'django', 'flask'])(
    'an unknown name costs the one hash that a wrong password of a known one (%s) costs',
    async (known) => {
      const costs: unknown[] = [];
      const own = authenticator(
        {},
        {
          ...hasher,
          verify: (password, stored, lane) => {
            costs.push(costOf(stored));
            return hasher.verify(password, stored, lane);
          },
        },
      );
      for (const username of [known, 'nobody-1', 'nobody-2'])
        await own.authenticate({ kind: 'password', username, password: 'wrong' }, CONTEXT);
      const [cost] = costs;
      expect(costs).toEqual([cost, cost, cost]);
    },
  );

  it('the probe runs the query and says what is missing', async () => {
    expect(await authenticator().probe()).toMatchObject({ ok: true });
    const message = async (query: string) => (await authenticator({ query }).probe()).message;
    expect(await message('select id from people where name = $1')).toContain('no column reference');
    expect(await message('select id as reference from nothing where name = $1')).toMatch(/table/);
    expect(await message('select nothing as reference from people where name = $1')).toMatch(/column/);
  });

  it('keeps names, passwords, references and hashes out of the log', () => {
    expect(lines.join('')).toContain('authenticator.failed');
    expect(lines.join('')).not.toMatch(/mira|horse|\b4711\b|\$2b\$/);
  });
}

describe('a SQLite file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'symbolon-people-'));
  beforeAll(() => {
    const db = new DatabaseSync(join(folder, 'people.db'));
    db.exec(SQL_PEOPLE);
    db.close();
    where = { sqlite_file: join(folder, 'people.db') };
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  everyDatabase(
    'with recursive n(i) as (select 1 union all select i + 1 from n limit 10000000) select count(*) as reference, $1 as password_hash from n',
  );

  it('that is not there, or no database, is "could not tell" and named by the probe', async () => {
    writeFileSync(join(folder, 'text.db'), 'not a database, but long enough to have a header of its own');
    for (const [file, word] of [
      ['absent.db', 'cannot be opened'],
      ['text.db', 'not a SQLite database'],
    ] as const) {
      const changes = { sqlite_file: join(folder, file) };
      expect(await signIn('mira', SQL_PASSWORD, changes)).toEqual(DOWN);
      expect((await authenticator(changes).probe()).message).toContain(word);
    }
  });

  it('does not hold up the end of the service', async () => {
    const query =
      'with recursive n(i) as (select 1 union all select i + 1 from n limit 30000000) select count(*) as reference, $1 as password_hash from n';
    const own = authenticator({ query, timeout_ms: 30_000 });
    const underWay = own.authenticate(
      { kind: 'password', username: 'mira', password: SQL_PASSWORD },
      CONTEXT,
    );
    await own.close();
    expect(await underWay).toMatchObject({ outcome: 'unavailable', busy: false });
  });
});

const missing = postgresMissing();

describe.skipIf(missing !== undefined)(`PostgreSQL${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
    const url = await server.createDatabase();
    const client = new Client({ connectionString: url });
    await client.connect();
    await client.query(SQL_PEOPLE);
    await client.end();
    where = { postgres_url: url };
  });
  afterAll(() => server?.stop());

  everyDatabase('select pg_sleep(60)::text as reference, $1::text as password_hash');

  it('is only read, even by a query that would write', async () => {
    const query =
      'with gone as (delete from people where name = $1 returning id, hash) select id as reference, hash as password_hash from gone';
    expect(await signIn('mira', SQL_PASSWORD, { query })).toEqual(DOWN);
    expect((await authenticator({ query }).probe()).message).toContain('may only read');
    expect(await signIn('mira')).toEqual(signedIn('4711'));
  });

  it('that is away is "could not tell", and works again when it is back', async () => {
    const own = authenticator();
    const proof = { kind: 'password', username: 'mira', password: SQL_PASSWORD } as const;
    await server.kill();
    try {
      expect(await own.authenticate(proof, CONTEXT)).toEqual(DOWN);
      expect(await own.probe()).toMatchObject({
        ok: false,
        message: expect.stringContaining('cannot be reached'),
      });
    } finally {
      await server.start();
    }
    expect(await own.authenticate(proof, CONTEXT)).toEqual(signedIn('4711'));
  });
});

describe('settings', () => {
  it.each<[string, Record<string, unknown>]>([
    [
      'a database of another machine without a word on TLS',
      { postgres_url: 'postgres://u:p@db.example.com/shop' },
    ],
    ['TLS without a check', { postgres_url: 'postgres://u:p@db.example.com/shop?sslmode=no-verify' }],
    [
      'TLS where that means no check elsewhere',
      { postgres_url: 'postgres://u:p@db.example.com/shop?sslmode=require' },
    ],
    ['two databases', { sqlite_file: 'a.db', postgres_url: 'postgres://u@127.0.0.1/a' }],
    ['none', {}],
    ['a query without the name', { sqlite_file: 'a.db', query: 'select 1' }],
    ['two statements', { sqlite_file: 'a.db', query: 'select $1; select 2' }],
    ['a change', { sqlite_file: 'a.db', query: 'delete from people where name = $1' }],
    ['a second parameter', { sqlite_file: 'a.db', query: 'select $1, $2' }],
  ])('that leave a hole are refused: %s', (_what, changes) => {
    const settings = { name: 'shop', type: 'sql', reference_space: 'crm', query: QUERY, ...changes };
    expect(sqlAuthenticator.optionsSchema.safeParse(settings).success).toBe(false);
  });
});
