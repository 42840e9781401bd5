/**
 * The connection to Redis or Valkey. A command is answered, or fails with `STORE_UNAVAILABLE`, within a deadline
 * whatever the server does; the connection comes back by itself, for ever. What is kept there belongs to the callers.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { ErrorReply } from 'redis';
import { BridgeError } from '../errors.ts';
import { type Clock, systemClock } from '../platform/clock.ts';
import { COMMAND_TIMEOUT_MS, openRedisClient, reconnectPauseMs, type RedisClient } from './redis-client.ts';

/** A connection is given up when commands have waited this long and not one was answered; milliseconds. */
const STALL_MS = 2_000;
/** The start goes on without Redis after this long; milliseconds. */
const START_WAIT_MS = 2_000;
const CLOSE_WAIT_MS = 1_000;

export interface RedisOptions {
  /** As `parseRedisAddress` reads it. */
  url: string;
  /** Told of every failed connection; the next attempt follows by itself. */
  onError: (error: unknown) => void;
  clock?: Clock;
}

export interface RedisConnection {
  /**
   * Commands, each bounded by the deadline. It stays valid when the connection below it is replaced. A transaction
   * built with `multi` is not bounded: use a script.
   */
  readonly client: RedisClient;
  /** Whether it is a cluster, where the keys of one script must lie in one slot. */
  readonly clustered: boolean;
  /** Throws `BridgeError('STORE_UNAVAILABLE')`. */
  ping(): Promise<void>;
  /** Lets what is under way finish for a moment, then closes; safe to call twice. */
  close(): Promise<void>;
}

interface Deadlines {
  bound<T>(reply: Promise<T>): Promise<T>;
  /** Counts silence from now on, for a new connection. */
  reset(): void;
}

/** NOSCRIPT is an answer: whoever sent the digest of a script now sends the script. */
function asFailure(cause: unknown): unknown {
  if (cause instanceof ErrorReply && cause.message.startsWith('NOSCRIPT')) return cause;
  return new BridgeError('STORE_UNAVAILABLE', { cause });
}

/** A command that waits for its answer. */
interface Waiting {
  /** Reading of the system's monotonic clock. */
  dueMs: number;
  answered: boolean;
  giveUp(): void;
  next: Waiting | undefined;
}

/**
 * node-redis applies its own time-out only until a command is written; this one holds until it is answered. All wait
 * equally long, so they are due in the order of their calls, and one timer serves them all.
 */
function createDeadlines(clock: Clock, onStall: () => void): Deadlines {
  let waiting = 0;
  let silentSinceMs = 0;
  let first: Waiting | undefined;
  let last: Waiting | undefined;
  let timer: NodeJS.Timeout | undefined;

  const dropAnswered = () => {
    while (first?.answered) first = first.next;
    if (!first) last = undefined;
  };
  // A timer for a command that was answered meanwhile finds nothing overdue and is set anew for the first that waits.
  const arm = () => {
    if (first) timer ??= setTimeout(readFirst, Math.max(0, first.dueMs - systemClock.monotonicMs()));
  };
  // Timers run before sockets are read: when this process was held up, the answers may be there already.
  const readFirst = () => void setImmediate(giveUpOverdue);
  const giveUpOverdue = () => {
    timer = undefined;
    let isOverdue = false;
    // A timer may come a moment early.
    const nowMs = systemClock.monotonicMs() + 1;
    while (first && first.dueMs <= nowMs) {
      isOverdue ||= !first.answered;
      if (!first.answered) first.giveUp();
      first = first.next;
    }
    dropAnswered();
    arm();
    if (isOverdue && clock.monotonicMs() - silentSinceMs >= STALL_MS) onStall();
  };

  return {
    reset() {
      silentSinceMs = clock.monotonicMs();
    },
    bound<T>(reply: Promise<T>): Promise<T> {
      if (waiting === 0) silentSinceMs = clock.monotonicMs();
      waiting += 1;
      return new Promise<T>((resolve, reject) => {
        const command: Waiting = {
          dueMs: systemClock.monotonicMs() + COMMAND_TIMEOUT_MS,
          answered: false,
          giveUp: () =>
            reject(
              new BridgeError('STORE_UNAVAILABLE', { cause: new Error('Redis did not answer in time') }),
            ),
          next: undefined,
        };
        if (last) last.next = command;
        last = command;
        first ??= command;
        arm();
        const answered = () => {
          command.answered = true;
          waiting -= 1;
          silentSinceMs = clock.monotonicMs();
          dropAnswered();
        };
        reply.then(
          (value) => {
            answered();
            resolve(value);
          },
          (cause: unknown) => {
            answered();
            reject(asFailure(cause));
          },
        );
      });
    },
  };
}

/** A client whose commands go to whatever connection is current, each bounded. */
function boundedClient(current: () => RedisClient, deadlines: Deadlines): RedisClient {
  const bounded = new Map<string | symbol, (...values: unknown[]) => unknown>();
  return new Proxy(current(), {
    get(_first, name) {
      const made = bounded.get(name);
      if (made) return made;
      const member: unknown = Reflect.get(current(), name);
      if (typeof member !== 'function') return member;
      const command = (...values: unknown[]): unknown => {
        const client = current();
        const result: unknown = Reflect.apply(
          Reflect.get(client, name) as (...values: unknown[]) => unknown,
          client,
          values,
        );
        return result instanceof Promise ? deadlines.bound(result) : result;
      };
      bounded.set(name, command);
      return command;
    },
  });
}

/**
 * Connects. Returns after two seconds at most, connected or not: without Redis its commands fail at once until it is
 * there. Throws `StartRefused` when the address cannot be read.
 */
export async function createRedis({
  url,
  onError,
  clock = systemClock,
}: RedisOptions): Promise<RedisConnection> {
  let opened = openRedisClient(url, onError);
  let closed = false;
  // What goes wrong is told to `onError` as well. A cluster and sentinels give up after one try, a server never.
  const connect = async (attempt = 0): Promise<void> => {
    const mine = opened;
    try {
      await mine.connect();
    } catch {
      if (closed || mine.client.isOpen) return;
      await pause(reconnectPauseMs(attempt), undefined, { ref: false });
      if (!closed && opened === mine) await connect(attempt + 1);
    }
  };
  const deadlines = createDeadlines(clock, () => {
    if (closed || !opened.client.isReady) return;
    onError(new Error('Redis stopped answering; connecting anew'));
    const silent = opened;
    opened = openRedisClient(url, onError);
    deadlines.reset();
    silent.destroy();
    void connect();
  });
  const client = boundedClient(() => opened.client, deadlines);
  const startWait = new AbortController();
  await Promise.race([
    connect(),
    pause(START_WAIT_MS, undefined, { signal: startWait.signal }).catch(() => {}),
  ]);
  startWait.abort();
  return {
    client,
    clustered: opened.clustered,
    async ping() {
      await client.ping();
    },
    async close() {
      if (closed) return;
      closed = true;
      const closeWait = new AbortController();
      await Promise.race([
        opened.client.isReady ? opened.client.close().catch(() => {}) : undefined,
        pause(CLOSE_WAIT_MS, undefined, { signal: closeWait.signal }).catch(() => {}),
      ]);
      closeWait.abort();
      if (opened.client.isOpen) opened.destroy();
    },
  };
}
