/**
 * One process per data directory: a second tiny SQLite file, held in an exclusive transaction for as long as the
 * process lives. The operating system lets go of it whatever ends the process, so no stale lock is ever left.
 */
import { DatabaseSync } from 'node:sqlite';
import { BridgeError } from '../errors.ts';
import { preparePrivateFile, SQLITE_BUSY, sqliteCode } from './sql/sqlite-engine.ts';

export interface ExclusiveLock {
  release(): void;
}

/** Keeps held locks reachable: a database that is collected is closed, and its lock with it. */
const heldLocks = new Set<DatabaseSync>();

/**
 * Takes the lock on `file` (made with its directory if missing), or gives `undefined` at once when somebody, in this
 * process or another, holds it. Throws `BridgeError('STORE_UNAVAILABLE')` when the file cannot be used at all.
 */
export function acquireExclusiveLock(file: string): ExclusiveLock | undefined {
  let db: DatabaseSync | undefined;
  try {
    preparePrivateFile(file);
    db = new DatabaseSync(file, { timeout: 0 });
    db.exec('begin exclusive');
  } catch (error) {
    db?.close();
    if (sqliteCode(error) === SQLITE_BUSY) return undefined;
    throw new BridgeError('STORE_UNAVAILABLE', { cause: error });
  }
  const held = db;
  heldLocks.add(held);
  return {
    release() {
      heldLocks.delete(held);
      if (held.isOpen) held.close();
    },
  };
}
