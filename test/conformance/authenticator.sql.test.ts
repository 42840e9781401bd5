import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { describe, vi } from 'vitest';
import { createPasswordHasher } from '../../src/authenticators/passwords/password-hasher.ts';
import { sqlAuthenticator } from '../../src/authenticators/sql/sql.ts';
import { createFailureReport } from '../../src/outbound/failure-reason.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { createLogger } from '../../src/platform/logger.ts';
import { createMetrics } from '../../src/platform/metrics.ts';
import { SQL_PASSWORD, SQL_PEOPLE } from '../support/people-table.ts';
import { postgresMissing, startPostgres } from '../support/postgres.ts';
import { childrenWith } from '../support/processes.ts';
import { startSilentServer } from '../support/silent-server.ts';
import { authenticatorSuite, hangingServerSuite } from './authenticator.suite.ts';

const missing = postgresMissing();

describe.skipIf(missing !== undefined)(`PostgreSQL${missing ? ` (skipped: ${missing})` : ''}`, () => {
  const open = async () => {
    const [server, silent] = await Promise.all([startPostgres(), startSilentServer()]);
    const url = await server.createDatabase();
    const client = new Client({ connectionString: url });
    await client.connect();
    await client.query(SQL_PEOPLE);
    await client.end();
    const hasher = createPasswordHasher({ lanes: 2, maxWaiting: 64, metrics: createMetrics() });
    const lines: string[] = [];
    const logger = createLogger('debug', { write: (line) => lines.push(line) });
    const make = (postgresUrl: string, timeoutMs: number) =>
      sqlAuthenticator.create(
        sqlAuthenticator.optionsSchema.parse({
          name: 'shop',
          type: 'sql',
          reference_space: 'crm',
          postgres_url: postgresUrl,
          query: 'select id as reference, hash as password_hash from people where name = $1',
          timeout_ms: timeoutMs,
        }),
        { hasher, logger, reportFailure: createFailureReport({ clock: systemClock, logger }) },
      );
    const authenticator = make(url, 2_000);
    return {
      authenticator,
      person: { username: 'mira', password: SQL_PASSWORD, reference: '4711' },
      hanging: {
        authenticator: make(`postgres://shop@127.0.0.1:${silent.port}/shop`, 400),
        deadlineMs: 400,
      },
      patient: { authenticator: make(`postgres://shop@127.0.0.1:${silent.port}/shop`, 5_000) },
      silent,
      sharesCalls: true,
      takeAway: () => server.kill(),
      logged: () => lines.join(''),
      close: async () => {
        await authenticator.close();
        hasher.close();
        await silent.close();
        await server.stop();
      },
    };
  };
  authenticatorSuite(open);
  hangingServerSuite(open);
});

/** Another process that writes and does not end. */
const WRITER = `
  const db = new (require('node:sqlite').DatabaseSync)(process.argv[1]);
  db.exec('begin exclusive');
  console.log('begun');
  setInterval(() => {}, 60_000);
`;

describe('SQLite', () => {
  authenticatorSuite(() => {
    const folder = mkdtempSync(join(tmpdir(), 'symbolon-people-'));
    const file = join(folder, 'people.db');
    const db = new DatabaseSync(file);
    db.exec(SQL_PEOPLE);
    db.close();
    const hasher = createPasswordHasher({ lanes: 2, maxWaiting: 64, metrics: createMetrics() });
    const lines: string[] = [];
    const logger = createLogger('debug', { write: (line) => lines.push(line) });
    const authenticator = sqlAuthenticator.create(
      sqlAuthenticator.optionsSchema.parse({
        name: 'shop',
        type: 'sql',
        reference_space: 'crm',
        sqlite_file: file,
        query: 'select id as reference, hash as password_hash from people where name = $1',
      }),
      { hasher, logger, reportFailure: createFailureReport({ clock: systemClock, logger }) },
    );
    return Promise.resolve({
      authenticator,
      person: { username: 'mira', password: SQL_PASSWORD, reference: '4711' },
      takeAway: () => {
        const taken = new DatabaseSync(file);
        taken.exec('drop table people');
        taken.close();
        return Promise.resolve();
      },
      logged: () => lines.join(''),
      close: async () => {
        await authenticator.close();
        hasher.close();
        rmSync(folder, { recursive: true });
      },
    });
  });

  hangingServerSuite(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'symbolon-people-'));
    const file = join(folder, 'people.db');
    const db = new DatabaseSync(file);
    db.exec(SQL_PEOPLE);
    db.close();
    // Whoever asks now waits for a writer who does not end.
    const writer = spawn(process.execPath, ['-e', WRITER, file], { stdio: ['ignore', 'pipe', 'ignore'] });
    await once(writer.stdout, 'data');
    const hasher = createPasswordHasher({ lanes: 1, maxWaiting: 64, metrics: createMetrics() });
    const logger = createLogger('debug', { write: () => {} });
    const make = (timeoutMs: number) =>
      sqlAuthenticator.create(
        sqlAuthenticator.optionsSchema.parse({
          name: 'shop',
          type: 'sql',
          reference_space: 'crm',
          sqlite_file: file,
          query: 'select id as reference, hash as password_hash from people where name = $1',
          timeout_ms: timeoutMs,
        }),
        { hasher, logger, reportFailure: createFailureReport({ clock: systemClock, logger }) },
      );
    const connections = () => childrenWith(file).filter((pid) => pid !== writer.pid).length;
    const hanging = make(400);
    return {
      hanging: { authenticator: hanging, deadlineMs: 400 },
      patient: { authenticator: make(4_000) },
      silent: {
        connections,
        connected: () => vi.waitUntil(() => connections() > 0, { timeout: 5_000, interval: 5 }),
      },
      // SQLite's own wait for a lock cannot be cut short: the process goes on to the deadline, unheard.
      sharesCalls: true,
      close: async () => {
        await hanging.close();
        hasher.close();
        writer.kill('SIGKILL');
        await once(writer, 'exit');
        rmSync(folder, { recursive: true });
      },
    };
  });
});
