import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { DatabaseSync } from 'node:sqlite';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Authenticator } from '../../../src/authenticators/authenticator.ts';
import { directoryAuthenticator } from '../../../src/authenticators/directory/directory.ts';
import { createDirectoryUsers } from '../../../src/authenticators/directory/directory-users.ts';
import { httpAuthenticator } from '../../../src/authenticators/http/http.ts';
import { ldapAuthenticator } from '../../../src/authenticators/ldap/ldap.ts';
import { createPasswordHasher } from '../../../src/authenticators/passwords/password-hasher.ts';
import { sqlAuthenticator } from '../../../src/authenticators/sql/sql.ts';
import { testCustomersAuthenticator } from '../../../src/authenticators/test-customers/test-customers.ts';
import { connectionSchema, createConnection } from '../../../src/connections/connection.ts';
import type { ReferenceSpace } from '../../../src/identifiers/identifier.ts';
import { createHttpClient } from '../../../src/outbound/http-client.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { createFailureReport } from '../../../src/outbound/failure-reason.ts';
import { createLogger } from '../../../src/platform/logger.ts';
import { createMetrics } from '../../../src/platform/metrics.ts';
import { listen, shut } from '../../support/backend.ts';
import { HASH, SQL_PASSWORD, SQL_PEOPLE } from '../../support/people-table.ts';
import { postgresMissing, startPostgres } from '../../support/postgres.ts';
import { LDAP_PASSWORD, PEOPLE, SERVICE_ACCOUNT, slapdMissing, startSlapd } from '../../support/slapd.ts';
import { IMPOSSIBLE_NAMES, LOOKALIKES } from '../../support/user-names.ts';
import { ADMIN, openRooms } from '../fixture.ts';

const CONTEXT = { requestId: 'req-1', channel: 'web', address: '192.0.2.7' };
const PASSWORD = SQL_PASSWORD;
const TEST_CUSTOMER_PASSWORD = 'uT7-qk2Zx9_wLp4mRv8sYd1b';
const REFUSED = { outcome: 'refused', reason: 'credentials' };

const metrics = createMetrics();
const logger = createLogger('debug', { write: () => {} });
const reportFailure = createFailureReport({ clock: systemClock, logger });
const hasher = createPasswordHasher({ lanes: 2, maxWaiting: 64, metrics });
const shared = { name: 'company', reference_space: 'crm' };

/** A way in whose server knows `mira`, and perhaps somebody with an accent. */
interface WayIn {
  authenticator: Authenticator;
  password: string;
  /** The composed spelling of a name that this server knows too. Default: none. */
  accented?: string;
  /** Names that the server was asked for, where it can tell. */
  asked?: string[];
  close(): Promise<void>;
}

/** A log-in API that knows names byte for byte. */
async function openHttp(): Promise<WayIn> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      const { username, password } = JSON.parse(body) as { username: string; password: string };
      asked.push(username);
      const right = username === 'mira' && password === PASSWORD;
      response.writeHead(right ? 200 : 401, { 'content-type': 'application/json' });
      response.end(right ? '{"id":"4711"}' : '{}');
    });
  });
  const httpClient = createHttpClient();
  const settings = connectionSchema.parse({ base_url: await listen(server) });
  const deps = { httpClient, clock: systemClock, metrics, logger };
  const connections = new Map([['login', createConnection('login', settings, deps)]]);
  const options = httpAuthenticator.optionsSchema.parse({
    ...shared,
    type: 'http',
    connection: 'login',
    request: { path: '/login' },
    answer: { reference: 'id' },
  });
  return {
    authenticator: httpAuthenticator.create(options, { connections, reportFailure: () => {} }),
    password: PASSWORD,
    asked,
    close: async () => {
      await httpClient.close();
      await shut(server);
    },
  };
}

const MORE_PEOPLE = `insert into people values ('jörg', '4799', '${HASH.bcrypt}', 0, 0, 0);`;

function openSql(where: Record<string, string>, close: () => unknown): WayIn {
  const options = sqlAuthenticator.optionsSchema.parse({
    ...shared,
    type: 'sql',
    query: 'select id as reference, hash as password_hash from people where name = $1',
    ...where,
  });
  const authenticator = sqlAuthenticator.create(options, { hasher, logger, reportFailure });
  return {
    authenticator,
    password: PASSWORD,
    accented: 'jörg',
    close: async () => {
      await authenticator.close();
      await close();
    },
  };
}

async function openPostgres(): Promise<WayIn> {
  const server = await startPostgres();
  const url = await server.createDatabase();
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(SQL_PEOPLE + MORE_PEOPLE);
  await client.end();
  return openSql({ postgres_url: url }, () => server.stop());
}

function openSqlite(): Promise<WayIn> {
  const folder = mkdtempSync(join(tmpdir(), 'symbolon-names-'));
  const file = join(folder, 'people.db');
  const db = new DatabaseSync(file);
  db.exec(SQL_PEOPLE + MORE_PEOPLE);
  db.close();
  return Promise.resolve(openSql({ sqlite_file: file }, () => rmSync(folder, { recursive: true })));
}

async function openLdap(): Promise<WayIn> {
  const server = await startSlapd();
  const options = ldapAuthenticator.optionsSchema.parse({
    ...shared,
    type: 'ldap',
    url: server.secureUrl,
    ca: server.ca,
    service_account: SERVICE_ACCOUNT,
    search_base: PEOPLE,
    reference_attribute: 'departmentNumber',
  });
  return {
    authenticator: ldapAuthenticator.create(options, { reportFailure }),
    password: LDAP_PASSWORD,
    accented: 'jörg, o=x+(*)',
    close: () => server.stop(),
  };
}

async function openDirectory(database: { url?: string; close?: () => Promise<void> } = {}): Promise<WayIn> {
  const rooms = await openRooms(database.url === undefined ? {} : { url: database.url });
  const store = rooms.stores.directory;
  const users = createDirectoryUsers({
    ...rooms,
    store,
    hasher,
    directories: new Map([['company', 'crm' as ReferenceSpace]]),
    endSessions: async () => {},
  });
  for (const [username, reference] of [
    ['mira', '4711'],
    ['jörg', '4799'],
  ] as const)
    await users.add('company', { username, password: PASSWORD, reference }, ADMIN);
  for (const [, username] of IMPOSSIBLE_NAMES) {
    const added = users.add('company', { username, password: PASSWORD, reference: undefined }, ADMIN);
    await expect(added).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
    await expect(users.disable('company', username, ADMIN)).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
    });
  }
  const options = directoryAuthenticator.optionsSchema.parse({ ...shared, type: 'directory' });
  return {
    authenticator: directoryAuthenticator.create(options, { ...rooms, directory: store, hasher }),
    password: PASSWORD,
    accented: 'jörg',
    close: async () => {
      await rooms.close();
      await database.close?.();
    },
  };
}

async function openDirectoryOnPostgres(): Promise<WayIn> {
  const server = await startPostgres();
  return openDirectory({ url: await server.createDatabase(), close: () => server.stop() });
}

function openTestCustomers(): Promise<WayIn> {
  const options = testCustomersAuthenticator.optionsSchema.parse({
    name: 'company',
    type: 'test_customers',
    channels: ['web'],
    addresses: [CONTEXT.address],
    customers: ['mira', 'jörg'].map((username) => ({ username, password: TEST_CUSTOMER_PASSWORD })),
  });
  return Promise.resolve({
    authenticator: testCustomersAuthenticator.create(options, { clock: systemClock }),
    password: TEST_CUSTOMER_PASSWORD,
    accented: 'jörg',
    close: async () => {},
  });
}

const WAYS: [string, string | undefined, () => Promise<WayIn>][] = [
  ['a log-in API', undefined, openHttp],
  ['PostgreSQL', postgresMissing(), openPostgres],
  ['SQLite', undefined, openSqlite],
  ['LDAP', slapdMissing(), openLdap],
  ['the directory', undefined, () => openDirectory()],
  ['the directory in PostgreSQL', postgresMissing(), openDirectoryOnPostgres],
  ['test customers', undefined, openTestCustomers],
];

afterAll(() => hasher.close());

describe.each(WAYS)('a user name at %s', (_what, missing, open) => {
  describe.skipIf(missing !== undefined)(
    `in any Unicode form${missing ? ` (skipped: ${missing})` : ''}`,
    () => {
      let at: WayIn;
      beforeAll(async () => {
        at = await open();
      }, 60_000);
      afterAll(() => at?.close());

      const signIn = (username: string) =>
        at.authenticator.authenticate({ kind: 'password', username, password: at.password }, CONTEXT);

      it('that only looks like another is nobody’s, in the words of a wrong password', async () => {
        const outcomes: Record<string, unknown> = {};
        const expected: Record<string, unknown> = {};
        for (const [form, username] of [...LOOKALIKES, ...IMPOSSIBLE_NAMES]) {
          outcomes[form] = await signIn(username);
          expected[form] = REFUSED;
        }
        expect(outcomes).toEqual(expected);
        // The server was asked for well-formed names alone, each as it was typed.
        const typed = LOOKALIKES.map(([, username]) => username);
        expect(at.asked ?? typed).toEqual(typed);
      });

      it('is found composed and decomposed alike, where the server keeps it composed', async () => {
        expect(await signIn('mira')).toMatchObject({ outcome: 'authenticated' });
        if (at.accented === undefined) return;
        const composed = await signIn(at.accented.normalize('NFC'));
        const decomposed = await signIn(at.accented.normalize('NFD'));
        expect(composed).toMatchObject({ outcome: 'authenticated' });
        expect(decomposed).toMatchObject({ outcome: 'authenticated' });
        const reference = (answer: typeof composed) => 'reference' in answer && answer.reference;
        expect(reference(decomposed)).toBe(reference(composed));
      });
    },
  );
});
