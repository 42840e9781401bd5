/** Runs in a thread of its own: reads one person from a SQLite file, which it opens read-only for each question. */
import { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';

export interface SqliteQuestion {
  id: number;
  username: string;
}

export type SqliteAnswer =
  | { id: number; columns: string[]; rows: Record<string, unknown>[] }
  /** SQLite's result code, as `SQLITE_<number>`. */
  | { id: number; code: string };

const { file, query, busyTimeoutMs } = workerData as { file: string; query: string; busyTimeoutMs: number };

function answer(username: string): { columns: string[]; rows: Record<string, unknown>[] } {
  const db = new DatabaseSync(file, { readOnly: true, timeout: busyTimeoutMs });
  try {
    const statement = db.prepare(query);
    statement.setReadBigInts(true);
    const columns = statement.columns().map(({ name }) => name);
    const rows: Record<string, unknown>[] = [];
    for (const row of statement.iterate({ $1: username })) {
      rows.push({ ...row });
      if (rows.length === 2) break;
    }
    return { columns, rows };
  } finally {
    db.close();
  }
}

function codeOf(error: unknown): string {
  const code = error instanceof Error && 'errcode' in error ? error.errcode : undefined;
  return typeof code === 'number' ? `SQLITE_${code & 0xff}` : 'FAILED';
}

parentPort?.on('message', ({ id, username }: SqliteQuestion) => {
  let reply: SqliteAnswer;
  try {
    reply = { id, ...answer(username) };
  } catch (error) {
    reply = { id, code: codeOf(error) };
  }
  parentPort?.postMessage(reply, []);
});
