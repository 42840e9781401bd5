import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { migrateTables } from '../../../src/stores/sql/migrate-tables.ts';
import { readMove, writeMove } from '../../../src/stores/sql/move-data.ts';
import type { SqlEngine } from '../../../src/stores/sql/sql-engine.ts';
import { openSqliteEngine } from '../../../src/stores/sql/sqlite-engine.ts';
import { TABLES } from '../../../src/stores/sql/table-list.ts';
import {
  type Cell,
  columnsOf,
  hasRows,
  insertRows,
  type Row,
  readRows,
} from '../../../src/stores/sql/table-rows.ts';

let directory: string;
const engines: SqlEngine[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'symbolon-move-'));
});
afterEach(async () => {
  await Promise.all(engines.splice(0).map((engine) => engine.close()));
  rmSync(directory, { recursive: true, force: true });
});

async function openEmpty(): Promise<SqlEngine> {
  const engine = await openSqliteEngine(':memory:');
  engines.push(engine);
  await migrateTables(engine.db);
  return engine;
}

/** Tables whose rows refer to no other table. */
const FREE = TABLES.filter(({ name }) => !/^(partner_groups|clients|client_secrets|api_keys)$/.test(name));

/** Columns whose values differ although they are no key. */
const UNIQUE = new Set(['customers.folded_id', 'directory_users.reference', 'api_key_secrets.digest']);

interface Column {
  name: string;
  dataType: string;
  isNullable: boolean;
}

const text = fc.string({ unit: 'grapheme', maxLength: 40 });
const number = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });

/** Some rows of a table, with keys that differ. */
async function rowsOf(engine: SqlEngine, table: (typeof TABLES)[number]) {
  const found = (await engine.db.introspection.getTables()).find(({ name }) => name === table.name);
  const columns = [...(found?.columns ?? [])].sort((a, b) => (a.name < b.name ? -1 : 1)) as Column[];
  const cell = ({ name, dataType, isNullable }: Column): fc.Arbitrary<Cell> => {
    const value: fc.Arbitrary<Cell> = /int/i.test(dataType) ? number : text;
    return isNullable && !table.key.includes(name) ? fc.option(value) : value;
  };
  const isUnique = ({ name }: Column) => UNIQUE.has(`${table.name}.${name}`);
  const key = (row: Row) =>
    JSON.stringify(table.key.map((name) => row[columns.findIndex((c) => c.name === name)]));
  const distinct = (rows: Row[]) =>
    rows.filter((row, at) =>
      columns.every(
        (column, i) => !isUnique(column) || !rows.slice(0, at).some((other) => other[i] === row[i]),
      ),
    );
  return {
    columns: columns.map(({ name }) => name),
    rows: fc.uniqueArray(fc.tuple(...columns.map(cell)), { maxLength: 6, selector: key }).map(distinct),
  };
}

async function everything(engine: SqlEngine): Promise<Record<string, Row[]>> {
  const all: Record<string, Row[]> = {};
  for (const table of TABLES) {
    const rows: Row[] = [];
    for await (const some of readRows(engine.db, table, await columnsOf(engine.db, table)))
      rows.push(...some);
    all[table.name] = rows;
  }
  return all;
}

async function exported(engine: SqlEngine, lastingOnly = false): Promise<string[]> {
  const lines: string[] = [];
  await writeMove(engine.db, async (line) => void lines.push(line.slice(0, -1)), { lastingOnly, nowMs: 0 });
  return lines;
}

async function* given(lines: readonly string[]): AsyncGenerator<string> {
  yield* lines;
}

const put = (engine: SqlEngine, lines: readonly string[]) =>
  readMove(engine.db, given(lines), { beforeCommit: async () => {} });

describe('the list of tables', () => {
  it('names every table that the steps make, with its whole key', async () => {
    const { db } = await openEmpty();
    const tables = (await db.introspection.getTables()).map(({ name }) => name);
    expect(TABLES.map(({ name }) => name).sort()).toEqual(tables.sort());
    for (const { name, key } of TABLES) {
      const { rows } = await sql<{
        name: string;
        pk: number;
      }>`select name, pk from pragma_table_info(${name})`.execute(db);
      const parts = rows.filter(({ pk }) => pk > 0).sort((a, b) => a.pk - b.pk);
      expect([name, ...key]).toEqual([name, ...parts.map((part) => part.name)]);
    }
  });
});

describe('a move', () => {
  it('gives back every row of every table as it was, whatever it holds', async () => {
    await fc.assert(
      fc.asyncProperty(fc.gen(), async (generate) => {
        const [from, to] = [await openEmpty(), await openEmpty()];
        for (const table of FREE) {
          const { columns, rows } = await rowsOf(from, table);
          await insertRows(from.db, table, { columns, rows: generate(() => rows) });
        }
        const before = await everything(from);
        await put(to, await exported(from));
        expect(await everything(to)).toEqual(before);
      }),
      { numRuns: 6, endOnFailure: true },
    );
  });

  it('of more rows than one statement takes loses none and doubles none', async () => {
    const [from, to] = [await openEmpty(), await openEmpty()];
    const table = { name: 'replays', key: ['space', 'id'], expiring: true } as const;
    for (let start = 0; start < 2_400; start += 400) {
      const rows = Array.from(
        { length: 400 },
        (_, n): Row => [9, `id-${(start + n) * 7919}`, `space-${n % 3}`],
      );
      await insertRows(from.db, table, { columns: ['expires_at_ms', 'id', 'space'], rows });
    }
    expect((await put(to, await exported(from))).rows).toBe(2_400);
    expect(await everything(to)).toEqual(await everything(from));
  });

  it('of lasting records only leaves the expiring ones behind', async () => {
    const [from, to] = [await openEmpty(), await openEmpty()];
    await sql`insert into sessions values ('digest', 'data', 9)`.execute(from.db);
    await sql`insert into customer_groups values ('chat')`.execute(from.db);
    await put(to, await exported(from, true));
    expect(await everything(to)).toMatchObject({ sessions: [], customer_groups: [['chat']] });
  });
});

describe('an export that is not whole', () => {
  async function source(): Promise<string[]> {
    const from = await openEmpty();
    await sql`insert into customer_groups values ('chat'), ('voice')`.execute(from.db);
    await sql`insert into counters values ('revocations', 7)`.execute(from.db);
    return exported(from);
  }

  it('is refused wherever it was cut off, and leaves the target empty', async () => {
    const lines = await source();
    const to = await openEmpty();
    for (let length = 0; length < lines.length; length++) {
      await expect(put(to, lines.slice(0, length))).rejects.toMatchObject({ name: 'StartRefused' });
    }
    for (const table of TABLES) expect(await hasRows(to.db, table)).toBe(false);
    await put(to, lines);
  });

  it('is refused when a row was changed, left out, doubled or moved, however the digests were made up', async () => {
    const lines = await source();
    const row = lines.findIndex((line) => line === '["voice"]');
    const to = await openEmpty();
    const damaged = [
      lines.with(row, '["noise"]'),
      lines.toSpliced(row, 1),
      lines.toSpliced(row, 0, '["voice"]'),
      lines.toSpliced(row, 1).toSpliced(1, 0, '["voice"]'),
      lines.with(row, '["voice",1]'),
      lines.with(row, 'voice'),
      lines.with(0, (lines[0] as string).replace('"steps":[', '"steps":["0000_other",')),
    ];
    for (const one of damaged) await expect(put(to, one)).rejects.toThrow(/damaged|another version|UNIQUE/);
    for (const table of TABLES) expect(await hasRows(to.db, table)).toBe(false);
  });

  it('is taken back when what must go with it fails', async () => {
    const to = await openEmpty();
    const failing = readMove(to.db, given(await source()), {
      beforeCommit: async () => {
        throw new Error('no');
      },
    });
    await expect(failing).rejects.toThrow('no');
    for (const table of TABLES) expect(await hasRows(to.db, table)).toBe(false);
  });

  it('is refused by a database that holds anything at all', async () => {
    const lines = await source();
    const to = await openEmpty();
    await sql`insert into counters values ('x', 1)`.execute(to.db);
    await expect(put(to, lines)).rejects.toThrow(/not empty \(counters has rows\)/);
  });
});
