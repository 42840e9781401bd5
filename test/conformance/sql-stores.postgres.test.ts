import { afterAll, beforeAll, describe } from 'vitest';
import { openSqlStores } from '../../src/stores/sql/sql-stores.ts';
import { postgresMissing, type PostgresServer, startPostgres } from '../support/postgres.ts';
import { sqlStoreSuites } from './sql-stores.suite.ts';
import { link } from './store-fixture.ts';

const missing = postgresMissing();

describe.skipIf(missing !== undefined)(`PostgreSQL${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server?.stop());
  sqlStoreSuites({
    durable: true,
    async open(clock) {
      const url = await server.createDatabase();
      const openAgain = () => openSqlStores({ url, clock, linkAudit: link });
      const stores = await openAgain();
      return { stores, openAgain, dispose: () => stores.close() };
    },
  });
});
