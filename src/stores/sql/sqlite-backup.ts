import { closeSync, fsyncSync, openSync, rmSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { StartRefused } from '../../errors.ts';

/** Makes the new file (0600). Throws `StartRefused` when it exists or cannot be made. */
export function reserveBackup(target: string): void {
  try {
    closeSync(openSync(target, 'wx', 0o600));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new StartRefused(
      code === 'EEXIST'
        ? `${target} exists already. A backup overwrites nothing: choose another name.`
        : `${target} cannot be made (${code ?? 'unknown'}). Choose a folder that this user may write to.`,
    );
  }
}

/**
 * Copies the embedded database as it is at one moment into a reserved file, while another process writes to it: a reader
 * of the write-ahead log keeps nobody out. The copy is checked before it counts. Returns its size in bytes. Throws
 * `StartRefused` when it fails or the copy is not sound; then no file is left.
 */
export function backupSqlite(source: string, target: string): number {
  try {
    const from = new DatabaseSync(source, { readOnly: true });
    try {
      // Unlike the backup interface, which begins anew whenever somebody writes meanwhile.
      from.prepare('vacuum into ?').run(target);
    } finally {
      from.close();
    }
    const copy = new DatabaseSync(target, { readOnly: true });
    try {
      const verdict = copy.prepare('pragma integrity_check').get()?.['integrity_check'];
      if (verdict !== 'ok') throw new Error('the copy is not sound');
    } finally {
      copy.close();
    }
    const handle = openSync(target, 'r');
    fsyncSync(handle);
    closeSync(handle);
    return statSync(target).size;
  } catch {
    rmSync(target, { force: true });
    throw new StartRefused(
      `The database could not be copied to ${target}. Check that the disk has room for it.`,
    );
  }
}
