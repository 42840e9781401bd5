import { describe } from 'vitest';
import { openSqlStores } from '../../src/stores/sql/sql-stores.ts';
import { sqlStoreSuites } from './sql-stores.suite.ts';
import { link } from './store-fixture.ts';

describe('SQLite in memory', () => {
  sqlStoreSuites({
    durable: false,
    async open(clock) {
      const openAgain = () => openSqlStores({ file: ':memory:', clock, linkAudit: link });
      const stores = await openAgain();
      return { stores, openAgain, dispose: () => stores.close() };
    },
  });
});
