import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/platform/clock.ts';
import { acquireExclusiveLock } from '../../../src/stores/exclusive-lock.ts';
import { openSqlStores } from '../../../src/stores/sql/sql-stores.ts';

const script = fileURLToPath(import.meta.resolve('../../support/store-process.ts'));

describe('SQLite files between processes', () => {
  let directory: string;
  let file: string;
  let children: ChildProcess[];
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'symbolon-process-'));
    file = join(directory, 'state', 'symbolon.db');
    children = [];
  });
  afterEach(async () => {
    await Promise.all(children.map(kill));
    rmSync(directory, { recursive: true, force: true });
  });

  /** Starts a process on a file and gives the first line that it says. */
  async function run(...args: string[]): Promise<{ child: ChildProcess; said: string }> {
    const child = spawn(process.execPath, ['--expose-gc', script, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
    const [said] = (await Promise.race([once(lines, 'line'), once(lines, 'close')])) as [string | undefined];
    return { child, said: said ?? 'nothing' };
  }

  async function kill(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  const open = () => openSqlStores({ file, clock: systemClock, linkAudit: () => 'hash' });

  it('have lost no identifier when the process is killed right after it was pinned', async () => {
    const { child, said } = await run(file, 'pin', '200');
    expect(said).toBe('pinned');
    await kill(child);
    expect(child.signalCode).toBe('SIGKILL');
    const stores = await open();
    try {
      expect(await stores.customers.count()).toBe(200);
      expect(await stores.customers.findByIndex('index-199')).toMatchObject({ customerId: 'c1199' });
    } finally {
      await stores.close();
    }
  });

  it('are made once when several processes start at once', async () => {
    const started = await Promise.all([1, 2, 3].map(() => run(file, 'open')));
    expect(started.map(({ said }) => said)).toEqual(['open', 'open', 'open']);
  });

  it('can be read by nobody else on the machine', async () => {
    const stores = await open();
    try {
      const mode = (path: string) => statSync(path).mode & 0o777;
      expect(mode(join(directory, 'state'))).toBe(0o700);
      expect([file, `${file}-wal`, `${file}-shm`].map(mode)).toEqual([0o600, 0o600, 0o600]);
    } finally {
      await stores.close();
    }
  });

  it('that a newer version took something from stop the start with the name of the step', async () => {
    await (await open()).close();
    const db = new DatabaseSync(file);
    db.exec(
      "insert into kysely_migration (name, timestamp) values ('9999_contract_later', '2030-01-01T00:00:00.000Z')",
    );
    db.close();
    await expect(open()).rejects.toMatchObject({
      name: 'StartRefused',
      message: expect.stringContaining('9999_contract_later'),
    });
  });

  it('that are no database, or lie where nothing can be made, are STORE_UNAVAILABLE', async () => {
    const scrap = join(directory, 'scrap.db');
    writeFileSync(scrap, 'this is a letter, not a database. '.repeat(200));
    for (const bad of [scrap, join(scrap, 'below-a-file.db')]) {
      await expect(
        openSqlStores({ file: bad, clock: systemClock, linkAudit: () => 'hash' }),
      ).rejects.toMatchObject({
        name: 'BridgeError',
        code: 'STORE_UNAVAILABLE',
      });
    }
  });

  describe('the exclusive lock', () => {
    it('is held by one process, and free once that is killed', async () => {
      const lockFile = join(directory, 'state', 'lock.db');
      const holder = await run(lockFile, 'lock');
      expect(holder.said).toBe('locked');
      expect((await run(lockFile, 'lock')).said).toBe('refused');
      expect(acquireExclusiveLock(lockFile)).toBeUndefined();
      await kill(holder.child);
      const lock = acquireExclusiveLock(lockFile);
      expect(lock).toBeDefined();
      expect((await run(lockFile, 'lock')).said).toBe('refused');
      lock?.release();
    });

    it('is held once within a process, refused attempts do not loosen it, and release may be repeated', async () => {
      const lockFile = join(directory, 'lock.db');
      const lock = acquireExclusiveLock(lockFile);
      expect(acquireExclusiveLock(lockFile)).toBeUndefined();
      expect((await run(lockFile, 'lock')).said).toBe('refused');
      lock?.release();
      lock?.release();
      const second = acquireExclusiveLock(lockFile);
      expect(second).toBeDefined();
      second?.release();
    });

    it('stays held although nobody keeps what it gave', async () => {
      const lockFile = join(directory, 'lock.db');
      expect((await run(lockFile, 'lock-and-collect')).said).toBe('locked');
      expect((await run(lockFile, 'lock')).said).toBe('refused');
    });

    it('says STORE_UNAVAILABLE where its file cannot be made', () => {
      writeFileSync(join(directory, 'file'), '');
      expect(() => acquireExclusiveLock(join(directory, 'file', 'lock.db'))).toThrow(
        expect.objectContaining({ code: 'STORE_UNAVAILABLE' }),
      );
    });
  });
});
