import { afterAll, beforeAll, describe } from 'vitest';
import { openDatabase } from '../../src/stores/sql/open-database.ts';
import { postgresMissing, type PostgresServer, startPostgres } from '../support/postgres.ts';
import { auditRetentionSuite } from './audit-retention.suite.ts';

describe('SQLite', () => {
  auditRetentionSuite(() => openDatabase({ file: ':memory:' }));
});

const missing = postgresMissing();

describe.skipIf(missing !== undefined)(`PostgreSQL${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server?.stop());
  auditRetentionSuite(async () => openDatabase({ url: await server.createDatabase() }));
});
