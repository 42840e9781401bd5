import { sql, type Transaction } from 'kysely';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openPostgresEngine } from '../../../src/stores/sql/postgres-engine.ts';
import type { Schema } from '../../../src/stores/sql/schema.ts';
import type { SqlEngine } from '../../../src/stores/sql/sql-engine.ts';
import { postgresMissing, type PostgresServer, startPostgres } from '../../support/postgres.ts';

const missing = postgresMissing();

/** A row marked `slow` keeps its commit waiting: no timeout of the server for statements covers that. */
const TABLES = `
  create table notes (note text not null);
  create function wait_long() returns trigger language plpgsql as
    $$ begin perform pg_sleep(8); return null; end $$;
  create constraint trigger slow after insert on notes deferrable initially deferred
    for each row when (new.note = 'slow') execute function wait_long();
`;

describe.skipIf(missing !== undefined)(
  `a connection of PostgreSQL that owes an answer${missing ? ` (skipped: ${missing})` : ''}`,
  () => {
    let server: PostgresServer;
    let other: Client;
    let engine: SqlEngine;
    let frozen: number[];
    beforeAll(async () => {
      server = await startPostgres();
    });
    afterAll(() => server?.stop());
    beforeEach(async () => {
      const url = await server.createDatabase();
      other = new Client({ connectionString: url });
      await other.connect();
      await other.query(TABLES);
      frozen = [];
      engine = openPostgresEngine({ url, maxConnections: 1, onError: () => {} });
    });
    afterEach(async () => {
      for (const pid of frozen) process.kill(pid, 'SIGCONT');
      await engine.close();
      await other.end();
    });

    type Executor = SqlEngine['db'] | Transaction<Schema>;
    const add = (on: Executor, note: string) => sql`insert into notes values (${note})`.execute(on);
    const backendOf = async (on: Executor) =>
      (await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(on)).rows[0]?.pid as number;
    const freeze = (pid: number) => {
      frozen.push(pid);
      process.kill(pid, 'SIGSTOP');
    };
    const notes = async () =>
      (await other.query<{ note: string }>('select note from notes order by note')).rows.map(
        ({ note }) => note,
      );
    const elapsedMs = async (work: Promise<unknown>) => {
      const start = performance.now();
      await work;
      return performance.now() - start;
    };
    const silent = (work: Promise<unknown>) => expect(work).rejects.toThrow('Query read timeout');

    it('is given up once, not once more for the rollback, and the next user waits for nothing', async () => {
      const before = await backendOf(engine.db);
      const work = engine.db.transaction().execute((inside) => add(inside, 'slow'));
      expect(await elapsedMs(silent(work))).toBeLessThan(4_500);
      expect(await elapsedMs(add(engine.db, 'next'))).toBeLessThan(2_000);
      expect(await backendOf(engine.db)).not.toBe(before);
      expect(await notes()).toEqual(['next']);
    });

    it('in the middle of a transaction takes what was written in it along, and nothing of the next user', async () => {
      const work = engine.db.transaction().execute(async (inside) => {
        await add(inside, 'half');
        freeze(await backendOf(inside));
        await add(inside, 'other half');
      });
      expect(await elapsedMs(silent(work))).toBeLessThan(4_500);
      const next = add(engine.db, 'next');
      for (const pid of frozen.splice(0)) process.kill(pid, 'SIGCONT');
      await next;
      expect(await notes()).toEqual(['next']);
    });

    it('for a single statement is not used again either', async () => {
      const before = await backendOf(engine.db);
      freeze(before);
      await silent(add(engine.db, 'first'));
      expect(await elapsedMs(backendOf(engine.db))).toBeLessThan(2_000);
      expect(await backendOf(engine.db)).not.toBe(before);
    });

    it('stays in use when the server itself answered that it gave up', async () => {
      await other.query("begin; insert into notes values ('held'); lock table notes");
      const before = await backendOf(engine.db);
      await expect(add(engine.db, 'waits')).rejects.toThrow('statement timeout');
      await other.query('rollback');
      expect(await backendOf(engine.db)).toBe(before);
    });

    it('is replaced when the server ended the session, so that the next user notices nothing', async () => {
      const work = engine.db.transaction().execute(async (inside) => {
        const pid = await backendOf(inside);
        await other.query('select pg_terminate_backend($1)', [pid]);
        await add(inside, 'half');
      });
      // The end of the session is read before the next question is sent, or after.
      await expect(work).rejects.toThrow(/terminat|connection error and is not queryable/);
      await add(engine.db, 'next');
      expect(await notes()).toEqual(['next']);
    });
  },
);
