/**
 * Reads one person from a SQLite file through a process of its own, one question after the other. A query cannot be
 * interrupted from outside, and one that does not end would burn on in a thread of ours: its process is killed.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type SqlAnswer, type SqlSource, type SqlSourceOptions, SqlUnavailable } from './sql-source.ts';
import type { SqliteSetup, SqliteWord } from './sql-sqlite-process.ts';

/**
 * A query may go on for this much longer than anybody waits for it before its process is killed; SQLite's own wait for a
 * lock, which has the same deadline, then ends by itself. Milliseconds.
 */
const KILL_AFTER_DEADLINE_MS = 250;
/** A process that is not ready by then is killed; milliseconds. */
const START_LIMIT_MS = 20_000;

const script = new URL(
  import.meta.url.endsWith('.ts') ? './sql-sqlite-process.ts' : './sql-sqlite-process.js',
  import.meta.url,
);

interface Asked {
  id: number;
  username: string;
  /** Without effect once the question is settled: whoever asked may be gone while it is being answered. */
  settle(outcome: SqlAnswer | SqlUnavailable): void;
}

function startProcess(setup: SqliteSetup): ChildProcess {
  const started = fork(fileURLToPath(script), [], {
    execArgv: ['--disable-warning=ExperimentalWarning'],
    env: {},
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  started.send(setup, () => {});
  // Neither the process nor its channel keeps the service alive.
  started.unref();
  started.channel?.unref();
  return started;
}

/** At most one process at any time, which is there from the first question on. */
export function createSqliteSource(file: string, options: SqlSourceOptions): SqlSource {
  const { query, timeoutMs } = options;
  const waiting: Asked[] = [];
  let running: Asked | undefined;
  let child: ChildProcess | undefined;
  let isReady = false;
  let bound: NodeJS.Timeout | undefined;
  let isClosed = false;
  let lastId = 0;

  const replace = (gone: ChildProcess, code: string) => {
    if (child !== gone) return;
    // One that does not even start is not tried again until somebody asks again.
    const lost = isReady ? [] : waiting.splice(0);
    if (running) lost.push(running);
    child = undefined;
    running = undefined;
    isReady = false;
    clearTimeout(bound);
    gone.kill('SIGKILL');
    for (const one of lost) one.settle(new SqlUnavailable(code));
    next();
  };
  const killAfter = (ms: number, started: ChildProcess) => {
    clearTimeout(bound);
    bound = setTimeout(() => replace(started, 'TIMEOUT'), ms);
    bound.unref();
  };
  const hear = (started: ChildProcess, word: SqliteWord) => {
    if (child !== started) return;
    clearTimeout(bound);
    if ('ready' in word) isReady = true;
    else if (running?.id === word.id) {
      running.settle('code' in word ? new SqlUnavailable(word.code) : word);
      running = undefined;
    }
    next();
  };
  const start = (): ChildProcess => {
    const started = startProcess({ file, query, busyTimeoutMs: timeoutMs });
    started.on('message', (word: SqliteWord) => hear(started, word));
    started.on('exit', () => replace(started, 'FAILED'));
    started.on('error', () => replace(started, 'FAILED'));
    killAfter(START_LIMIT_MS, started);
    return started;
  };
  const next = () => {
    if (isClosed || running || waiting.length === 0) return;
    child ??= start();
    if (!isReady) return;
    running = waiting.shift() as Asked;
    const { id, username } = running;
    const asked = child;
    killAfter(timeoutMs + KILL_AFTER_DEADLINE_MS, asked);
    asked.send({ id, username }, (error) => {
      if (error) replace(asked, 'FAILED');
    });
  };

  return {
    ask: (username, signal) =>
      new Promise<SqlAnswer>((resolve, reject) => {
        const asked: Asked = {
          id: ++lastId,
          username,
          settle(outcome) {
            clearTimeout(deadline);
            signal?.removeEventListener('abort', leave);
            const index = waiting.indexOf(asked);
            if (index >= 0) waiting.splice(index, 1);
            if (outcome instanceof SqlUnavailable) reject(outcome);
            else resolve(outcome);
          },
        };
        const leave = () => asked.settle(new SqlUnavailable('CLOSED'));
        const deadline = setTimeout(() => asked.settle(new SqlUnavailable('TIMEOUT')), timeoutMs);
        signal?.addEventListener('abort', leave, { once: true });
        if (isClosed || signal?.aborted === true) return leave();
        waiting.push(asked);
        next();
      }),
    close: async () => {
      isClosed = true;
      for (const one of waiting.splice(0)) one.settle(new SqlUnavailable('CLOSED'));
      if (child) replace(child, 'CLOSED');
    },
  };
}
