/** One process on PostgreSQL without Redis: it must be alone, also after its connection was lost. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { acquirePostgresLock } from '../../src/stores/sql/postgres-lock.ts';
import { postgresMissing, type PostgresServer, startPostgres } from '../support/postgres.ts';
import { configure, serve } from './serve-process.ts';

const missing = postgresMissing();
let postgres: PostgresServer;
beforeAll(async () => {
  if (!missing) postgres = await startPostgres();
}, 60_000);
afterAll(() => postgres?.stop());

/** Ends the connections that carry the lock, as an administrator or a failing network would; how many there were. */
async function breakLock(url: string): Promise<number> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'symbolon lock'",
    );
    return rows.length;
  } finally {
    await client.end();
  }
}

const held = async (url: string): Promise<boolean> => {
  const lock = await acquirePostgresLock(url, { onError: () => {}, onLost: () => {} });
  lock?.release();
  return lock === undefined;
};

describe.skipIf(missing !== undefined)(`the lock of a single process ${missing ?? ''}`, () => {
  it('is taken again when its connection broke or the database was restarted, and nothing else notices', async () => {
    const url = await postgres.createDatabase();
    const broken: unknown[] = [];
    let lost = 0;
    const lock = await acquirePostgresLock(url, {
      onError: (error) => broken.push(error),
      onLost: () => (lost += 1),
    });
    expect(await breakLock(url)).toBe(1);
    await expect.poll(() => broken.length).toBe(1);
    await expect.poll(() => held(url), { timeout: 5_000, interval: 700 }).toBe(true);
    await postgres.kill();
    await expect.poll(() => broken.length, { timeout: 5_000 }).toBe(2);
    await postgres.start();
    await expect.poll(() => held(url), { timeout: 8_000, interval: 700 }).toBe(true);
    expect(lost).toBe(0);
    lock?.release();
    await expect.poll(() => held(url), { timeout: 5_000 }).toBe(false);
  }, 40_000);

  it('that another process took meanwhile ends this one in order, with code 1', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'symbolon-lock-'));
    const url = await postgres.createDatabase();
    configure(folder, {
      default_channel: 'web',
      channels: [{ id: 'web', group: 'chat' }],
      storage: { database_url: url },
    });
    const service = await serve(folder);
    const other = new Client({ connectionString: url });
    await other.connect();
    try {
      // Waits in line for the lock, so that it is had the moment that the service loses it.
      const taken = other.query('select pg_advisory_lock($1)', [0x73_79_6d_62]);
      await breakLock(url);
      await taken;
      expect(await service.ended()).toEqual({ code: 1, signal: null });
    } finally {
      await service.end('SIGKILL');
      await other.end();
      rmSync(folder, { recursive: true, force: true });
    }
  }, 40_000);
});
