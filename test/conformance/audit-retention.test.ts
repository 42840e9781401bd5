import { afterAll, beforeAll, describe } from 'vitest';
import { openDatabase } from '../../src/stores/sql/open-database.ts';
import { postgresMissing, type PostgresServer, startPostgres } from '../support/postgres.ts';
import { auditRetentionPaceSuite } from './audit-retention-pace.suite.ts';
import { auditRetentionSuite } from './audit-retention.suite.ts';

describe('SQLite', () => {
  const openEngine = async () => openDatabase({ file: ':memory:' });
  auditRetentionSuite(openEngine);
  auditRetentionPaceSuite(openEngine);
});

const missing = postgresMissing();

describe.skipIf(missing !== undefined)(`PostgreSQL${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server?.stop());
  const openEngine = async () => openDatabase({ url: await server.createDatabase() });
  auditRetentionSuite(openEngine);
  auditRetentionPaceSuite(openEngine);
});
