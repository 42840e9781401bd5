import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { SqlSource } from '../../../src/authenticators/sql/sql-source.ts';
import { createSqliteSource } from '../../../src/authenticators/sql/sqlite-source.ts';
import { childrenOf, isRunning } from '../../support/processes.ts';

/** Never ends for the name `endless`, and is done at once for any other. */
const QUERY = `with recursive n(i) as (select 1 union all select i + 1 from n where $1 = 'endless')
  select count(*) as reference, $1 as password_hash from n`;
const TIMED_OUT = { name: 'SqlUnavailable', code: 'TIMEOUT' };

const folder = mkdtempSync(join(tmpdir(), 'symbolon-endless-'));
const file = join(folder, 'people.db');
const opened: SqlSource[] = [];
beforeAll(() => new DatabaseSync(file).close());
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
});
afterAll(() => rmSync(folder, { recursive: true }));

function open(timeoutMs: number): SqlSource {
  const source = createSqliteSource(file, { query: QUERY, timeoutMs, maxConnections: 4 });
  opened.push(source);
  return source;
}

const processes = () =>
  childrenOf().filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('sql-sqlite-process');
    } catch {
      return false;
    }
  });
async function ended(pid: number): Promise<void> {
  await expect.poll(() => isRunning(pid), { timeout: 5_000, interval: 10 }).toBe(false);
}

/** Asks until the process has been started and has answered once. */
async function ready(source: SqlSource): Promise<number> {
  await expect
    .poll(() => source.ask('mira').then(() => 'answered', String), { timeout: 20_000 })
    .toBe('answered');
  const [pid] = processes();
  return pid as number;
}

describe('a query of a SQLite file that does not end', () => {
  it('is given up at the deadline and burns no processor after it; the next question is answered', async () => {
    const source = open(1_500);
    const pid = await ready(source);
    const startedMs = performance.now();
    await expect(source.ask('endless')).rejects.toMatchObject(TIMED_OUT);
    expect(performance.now() - startedMs).toBeLessThan(2_900);
    const next = source.ask('mira');
    await ended(pid);
    expect((await next).rows).toEqual([{ reference: 1n, password_hash: 'mira' }]);
    expect(processes()).toHaveLength(1);
    expect(processes()).not.toContain(pid);
  });

  it('asked many times at once holds one process at any time, and none of the callers longer than the deadline', async () => {
    const source = open(1_500);
    await ready(source);
    let most = 0;
    const look = setInterval(() => (most = Math.max(most, processes().length)), 20);
    for (let round = 0; round < 3; round++) {
      const startedMs = performance.now();
      const asked = await Promise.allSettled(Array.from({ length: 20 }, () => source.ask('endless')));
      expect(performance.now() - startedMs).toBeLessThan(2_900);
      expect(asked.map((one) => one.status === 'rejected' && (one.reason as { code: string }).code)).toEqual(
        asked.map(() => 'TIMEOUT'),
      );
    }
    clearInterval(look);
    // A killed one may still be listed while the next one starts.
    expect(most).toBeLessThanOrEqual(2);
    const left = processes();
    await source.close();
    for (const pid of left) await ended(pid);
  });

  it('ends at once when the source is closed, and with it whoever waits', async () => {
    const source = open(30_000);
    const pid = await ready(source);
    const underWay = [source.ask('endless'), source.ask('mira')].map((one) =>
      expect(one).rejects.toMatchObject({ code: 'CLOSED' }),
    );
    await source.close();
    await Promise.all(underWay);
    await ended(pid);
    await expect(source.ask('mira')).rejects.toMatchObject({ code: 'CLOSED' });
  });

  it('ends with the main process, however that ends', async () => {
    const module = resolve(import.meta.dirname, '../../../src/authenticators/sql/sqlite-source.ts');
    const program = `
      const { createSqliteSource } = await import(${JSON.stringify(module)});
      const source = createSqliteSource(process.argv[1], { query: process.argv[2], timeoutMs: 60_000, maxConnections: 1 });
      await source.ask('mira');
      source.ask('endless').catch(() => {});
      console.log('asked');
      setInterval(() => {}, 60_000);
    `;
    const main = spawn(process.execPath, ['--input-type=module', '-e', program, file, QUERY], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    await once(main.stdout, 'data');
    const children = childrenOf(main.pid);
    expect(children).toHaveLength(1);
    main.kill('SIGKILL');
    await ended(children[0] as number);
  });

  it('whose process is killed from outside is an answer that could not be had, and the next one is had', async () => {
    const source = open(10_000);
    const pid = await ready(source);
    const lost = source.ask('endless').catch((error: unknown) => error);
    process.kill(pid, 'SIGKILL');
    expect(await lost).toMatchObject({ code: 'FAILED' });
    expect((await source.ask('mira')).rows).toHaveLength(1);
  });
});
