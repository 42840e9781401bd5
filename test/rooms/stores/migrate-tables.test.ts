import { type Kysely, sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { migrateTables, readMigrationState, tryMigration } from '../../../src/stores/sql/migrate-tables.ts';
import type { SqlEngine } from '../../../src/stores/sql/sql-engine.ts';
import { openSqliteEngine } from '../../../src/stores/sql/sqlite-engine.ts';

let engine: SqlEngine;
beforeEach(async () => {
  engine = await openSqliteEngine(':memory:');
});
afterEach(() => engine.close());

const table = (name: string) => ({
  up: async (db: Kysely<unknown>) => {
    await db.schema.createTable(name).addColumn('id', 'text').execute();
  },
});
const drop = (name: string) => ({
  up: async (db: Kysely<unknown>) => {
    await db.schema.dropTable(name).execute();
  },
});

const OLDER = { '0001_first': table('first'), '0002_old': table('old') };
const NEWER = {
  ...OLDER,
  '0003_contract_old': drop('old'),
  '0004_more': table('more'),
};

const tables = async () => (await engine.db.introspection.getTables()).map(({ name }) => name).sort();

describe('a start', () => {
  it('runs what adds, and leaves what takes away for later', async () => {
    await migrateTables(engine.db, { steps: OLDER });
    await migrateTables(engine.db, { steps: NEWER });
    expect(await tables()).toEqual(['first', 'more', 'old']);
    expect(await readMigrationState(engine.db, NEWER)).toEqual({
      done: ['0001_first', '0002_old', '0004_more'],
      due: [],
      waiting: ['0003_contract_old'],
      newer: [],
    });
    await migrateTables(engine.db, { steps: NEWER });
    expect(await tables()).toEqual(['first', 'more', 'old']);
  });

  it('of the release before works on tables to which a newer one has added', async () => {
    await migrateTables(engine.db, { steps: NEWER });
    await migrateTables(engine.db, { steps: OLDER });
    expect((await readMigrationState(engine.db, OLDER)).newer).toEqual(['0004_more']);
    await migrateTables(engine.db, { steps: { ...NEWER, '0005_last': table('last') } });
    expect(await tables()).toEqual(['first', 'last', 'more', 'old']);
  });

  it('of the release before is refused, by the name of the step, once something was taken from it', async () => {
    await migrateTables(engine.db, { steps: NEWER, contract: true });
    expect(await tables()).toEqual(['first', 'more']);
    await expect(migrateTables(engine.db, { steps: OLDER })).rejects.toMatchObject({
      name: 'StartRefused',
      message: expect.stringContaining('0003_contract_old'),
    });
  });

  it('is refused where a step stands that this version should know', async () => {
    await migrateTables(engine.db, { steps: { ...OLDER, '0001_other': table('other') } });
    await expect(migrateTables(engine.db, { steps: OLDER })).rejects.toThrow('0001_other');
  });
});

describe('a trial', () => {
  it('runs what is due and leaves nothing of it', async () => {
    await migrateTables(engine.db, { steps: OLDER });
    expect(await tryMigration(engine.db, { steps: NEWER, contract: true })).toEqual([
      '0003_contract_old',
      '0004_more',
    ]);
    expect(await tables()).toEqual(['first', 'old']);
    expect((await readMigrationState(engine.db, NEWER)).due).toEqual(['0004_more']);
  });

  it('says what a step would fail at', async () => {
    await sql`create table more (id text)`.execute(engine.db);
    await expect(tryMigration(engine.db, { steps: NEWER })).rejects.toThrow(/more/);
    expect(await tables()).toEqual(['more']);
  });
});
