/** One process on PostgreSQL without Redis: it must be alone, also after a connection was lost. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { acquirePostgresLock } from '../../src/stores/sql/postgres-lock.ts';
import { postgresMissing, type PostgresServer, startPostgres } from '../support/postgres.ts';
import { redisMissing, type RedisServer, startRedis } from '../support/redis.ts';
import { configure, type Ended, serve, serveRefused } from './serve-process.ts';

const missing = postgresMissing();
const noRedis = missing ?? redisMissing();
let postgres: PostgresServer;
let redis: RedisServer | undefined;
beforeAll(async () => {
  if (!missing) postgres = await startPostgres();
  if (!noRedis) redis = await startRedis();
}, 60_000);
afterAll(() => Promise.all([postgres?.stop(), redis?.stop()]));

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
  const lock = await acquirePostgresLock(url, { mode: 'exclusive', onError: () => {}, onLost: () => {} });
  lock?.release();
  return lock === undefined;
};

/** A folder configured for this database, with or without Redis. */
function folderFor(database_url: string, redis_url?: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'symbolon-lock-'));
  configure(folder, {
    default_channel: 'web',
    channels: [{ id: 'web', group: 'chat' }],
    storage: { database_url, ...(redis_url !== undefined && { redis_url }) },
  });
  return folder;
}

/** How the service of `folder` ends when another process takes the database while its own lock is lost. */
async function endWithoutLock(folder: string, url: string): Promise<Ended> {
  const service = await serve(folder);
  const other = new Client({ connectionString: url });
  await other.connect();
  try {
    // Waits in line for the lock, so that it is had the moment that the service loses it.
    const taken = other.query('select pg_advisory_lock($1)', [0x73_79_6d_62]);
    await breakLock(url);
    await taken;
    return await service.ended();
  } finally {
    await service.end('SIGKILL');
    await other.end();
    rmSync(folder, { recursive: true, force: true });
  }
}

describe.skipIf(missing !== undefined)(`the lock of a single process ${missing ?? ''}`, () => {
  it('is taken again when its connection broke or the database was restarted, and nothing else notices', async () => {
    const url = await postgres.createDatabase();
    const broken: unknown[] = [];
    let lost = 0;
    const lock = await acquirePostgresLock(url, {
      mode: 'exclusive',
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
    const url = await postgres.createDatabase();
    expect(await endWithoutLock(folderFor(url), url)).toEqual({ code: 1, signal: null });
  }, 40_000);
});

describe.skipIf(noRedis !== undefined)(
  `a process without Redis beside those with it ${noRedis ?? ''}`,
  () => {
    it.each([
      ['without', 'with', 'A process without Redis uses this database'],
      ['with', 'without', 'Another process uses this database'],
    ])(
      'is kept apart: where one %s Redis runs, one %s is refused',
      async (first, _second, words) => {
        const url = await postgres.createDatabase();
        const [alone, sharing] = [folderFor(url), folderFor(url, redis?.url)];
        const [runs, comes] = first === 'without' ? [alone, sharing] : [sharing, alone];
        const service = await serve(runs);
        try {
          const refused = await serveRefused(comes);
          expect(refused.code).toBe(1);
          expect(refused.said).toContain(words);
        } finally {
          await service.end('SIGTERM');
          for (const folder of [alone, sharing]) rmSync(folder, { recursive: true, force: true });
        }
      },
      60_000,
    );

    it('ends the one with Redis in order, with code 1, when it took the database meanwhile', async () => {
      const url = await postgres.createDatabase();
      expect(await endWithoutLock(folderFor(url, redis?.url), url)).toEqual({ code: 1, signal: null });
    }, 40_000);
  },
);
