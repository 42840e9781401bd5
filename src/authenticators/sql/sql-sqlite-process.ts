/**
 * Runs in a process of its own: passes questions about a SQLite file to a thread, so that this side can still end
 * everything when the main process is gone while a query goes on.
 */
import { Worker } from 'node:worker_threads';
import type { SqliteAnswer, SqliteQuestion } from './sql-sqlite-thread.ts';

/** The first message: which file, which query, how long to wait for a lock of somebody else. */
export interface SqliteSetup {
  file: string;
  query: string;
  busyTimeoutMs: number;
}

/** That questions may come, and then one answer for each. */
export type SqliteWord = { ready: true } | SqliteAnswer;

const script = new URL(
  import.meta.url.endsWith('.ts') ? './sql-sqlite-thread.ts' : './sql-sqlite-thread.js',
  import.meta.url,
);

const say = (word: SqliteWord) => process.send?.(word, () => {});

process.once('message', (setup: SqliteSetup) => {
  const thread = new Worker(script, { workerData: setup, env: {} });
  thread.on('online', () => say({ ready: true }));
  thread.on('message', (answer: SqliteAnswer) => say(answer));
  // Unheard errors of the thread end this process, which is what is wanted.
  process.on('message', (question: SqliteQuestion) => thread.postMessage(question, []));
});
// An orderly exit would wait for the thread, which may be in a query without end.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
// A signal to the whole group is the main process's to answer: a sign-in under way may finish.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
