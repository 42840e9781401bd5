import { type CompiledQuery, Kysely } from 'kysely';
import { describe, expect, it } from 'vitest';
import { steps } from '../../src/stores/sql/migrations.ts';
import { openSqliteEngine } from '../../src/stores/sql/sqlite-engine.ts';

/** From here on the release before must go on working on the tables of this one. */
const ADDS_FROM = '0012';

type Step = (typeof steps)[string];

/** Every statement of a step, on the tables that the steps before it made. */
async function statementsOf(all: Readonly<Record<string, Step>>): Promise<Map<string, CompiledQuery[]>> {
  const engine = await openSqliteEngine(':memory:');
  const seen = new Map<string, CompiledQuery[]>();
  try {
    for (const [name, { up }] of Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1))) {
      const queries: CompiledQuery[] = [];
      const executor = engine.db.getExecutor();
      const listening = new Proxy(executor, {
        get: (target, member) => {
          const value: unknown = Reflect.get(target, member, target);
          if (typeof value !== 'function') return value;
          return (...values: unknown[]) => {
            if (member === 'executeQuery') queries.push(values[0] as CompiledQuery);
            return Reflect.apply(value, target, values) as unknown;
          };
        },
      });
      const db = new Kysely<unknown>({
        config: { dialect: {} as never },
        dialect: {} as never,
        driver: {} as never,
        executor: listening,
      });
      await up(db);
      seen.set(name, queries);
    }
  } finally {
    await engine.close();
  }
  return seen;
}

/** What of a step the release before would not survive. */
function takings(queries: readonly CompiledQuery[]): string[] {
  const made = new Set<string>();
  return queries
    .map(({ sql }) => sql.trim().replaceAll(/\s+/g, ' '))
    .filter((text) => {
      const table = /^create table (?:if not exists )?"?(\w+)/i.exec(text)?.[1];
      if (table !== undefined) {
        made.add(table);
        return false;
      }
      const index = /^create (unique )?index (?:if not exists )?"?\w+"? on "?(\w+)/i.exec(text);
      if (index) return index[1] !== undefined && !made.has(index[2] as string);
      const column = /^alter table "?(\w+)"? add column (.*)$/i.exec(text);
      if (column) return /not null/i.test(column[2] as string) && !/default/i.test(column[2] as string);
      return !/^(select|insert|update|drop index|with)\b/i.test(text);
    });
}

describe('a step of the tables', () => {
  it(`from ${ADDS_FROM} on only adds, unless its name says contract`, async () => {
    const all = await statementsOf(steps);
    for (const [name, queries] of all) {
      if (name < ADDS_FROM || /^\d{4}_contract_/.test(name)) continue;
      expect([name, takings(queries)]).toEqual([name, []]);
    }
  });

  it('that takes something away is found out', async () => {
    const all = await statementsOf(steps);
    expect(takings(all.get('0006_secret_rotations') ?? [])).toEqual([
      expect.stringMatching(/drop column "secrets_json"/),
    ]);
    expect(takings(all.get('0008_identifier_life') ?? []).length).toBeGreaterThan(0);
    expect(takings(all.get('0010_outbound_grants') ?? [])).toEqual([]);
  });

  it('has a number of its own, and a name that sorts after the one before', () => {
    const names = Object.keys(steps);
    expect(names).toEqual([...names].sort());
    expect(new Set(names.map((name) => name.slice(0, 4))).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^\d{4}_[a-z0-9_]+$/);
  });
});
