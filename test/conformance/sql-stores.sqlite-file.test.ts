import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'vitest';
import { openSqlStores } from '../../src/stores/sql/sql-stores.ts';
import { sqlStoreSuites } from './sql-stores.suite.ts';
import { link } from './store-fixture.ts';

describe('SQLite in a file', () => {
  sqlStoreSuites({
    durable: true,
    async open(clock) {
      const directory = mkdtempSync(join(tmpdir(), 'symbolon-sqlite-'));
      const openAgain = () => openSqlStores({ file: join(directory, 'symbolon.db'), clock, linkAudit: link });
      const stores = await openAgain();
      return {
        stores,
        openAgain,
        async dispose() {
          await stores.close();
          rmSync(directory, { recursive: true, force: true });
        },
      };
    },
  });
});
