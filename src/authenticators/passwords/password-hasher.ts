import { type ChildProcess, fork } from 'node:child_process';
import { timingSafeEqual } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { createSharedPlaces } from '../../limits/shared-places.ts';
import type { Metrics } from '../../platform/metrics.ts';
import { createTurns } from '../../platform/turns.ts';
import { formatHash, isWeaker, newSalt, PASSWORD_COST, TAG_BYTES } from './password-hash.ts';
import type { HashJob, HashParameters, HashReply } from './password-process.ts';
import { type HashSpec, parseStoredHash } from './stored-hash.ts';

/** The hashing process has as much to do as it may have; try again in a moment. */
export class HasherBusy extends Error {}
/** The hashing process died under this job. */
export class HasherFailed extends Error {}

export interface PasswordHasher {
  /** A new PHC string at today's cost. Throws `HasherBusy`. `lane` as in `verify`. */
  hash(password: string, lane?: string): Promise<string>;
  /**
   * Whether the password has this hash, in text or read by `parseStoredHash`, and whether the hash is weaker than
   * what we would make today. Throws `HasherBusy`, and `HasherFailed` for a text that is no hash of a known kind.
   * `lane`: who asks. Lanes take turns, and none has all places. Default: nobody in particular.
   */
  verify(
    password: string,
    stored: string | HashSpec,
    lane?: string,
  ): Promise<{ matches: boolean; weak: boolean }>;
  close(): void;
}

export interface PasswordHasherOptions {
  /** Hashes computed at once. Default 4. */
  lanes: number;
  /** Hashes that may wait for a lane; beyond them `HasherBusy`. Default 64. */
  maxWaiting: number;
  metrics: Metrics;
}

interface Waiting {
  job: HashJob;
  lane: string | undefined;
  resolve(tag: Buffer): void;
  reject(error: Error): void;
}

const script = new URL(
  import.meta.url.endsWith('.ts') ? './password-process.ts' : './password-process.js',
  import.meta.url,
);

/** Hashes passwords in one child process at low priority, so many at once and with a bounded, fair queue. */
export function createPasswordHasher({ lanes, maxWaiting, metrics }: PasswordHasherOptions): PasswordHasher {
  let child: ChildProcess | undefined;
  let closed = false;
  let lastId = 0;
  const running = new Map<number, Waiting>();
  const waiting = createTurns<Waiting>();
  const places = createSharedPlaces(lanes + maxWaiting);

  /** Takes out what is running under this id. */
  const finish = (id: number): Waiting | undefined => {
    const entry = running.get(id);
    if (entry && running.delete(id)) places.leave(entry.lane);
    return entry;
  };

  const settle = (reply: HashReply) => {
    const entry = finish(reply.id);
    if ('tag' in reply) entry?.resolve(Buffer.from(reply.tag));
    else entry?.reject(new HasherFailed('the hash could not be computed'));
    fill();
  };

  const abandon = (gone: ChildProcess) => {
    if (child !== gone) return;
    child = undefined;
    for (const id of running.keys()) finish(id)?.reject(new HasherFailed('hashing process ended'));
    fill();
  };

  const start = (): ChildProcess => {
    const started = fork(fileURLToPath(script), [], {
      execArgv: ['--disable-warning=ExperimentalWarning'],
      env: { UV_THREADPOOL_SIZE: String(lanes) },
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    started.on('message', settle);
    started.on('exit', () => abandon(started));
    started.on('error', () => abandon(started));
    // Neither the process nor its channel keeps the service alive.
    started.unref();
    started.channel?.unref();
    return started;
  };

  const fill = () => {
    while (running.size < lanes) {
      const entry = waiting.next();
      if (!entry) break;
      running.set(entry.job.id, entry);
      child ??= start();
      child.send(entry.job, (error) => {
        if (error) finish(entry.job.id)?.reject(new HasherFailed('hashing process is gone'));
      });
    }
    metrics.passwordHashesWaiting.set(waiting.size() + running.size);
  };

  const compute = (password: string, parameters: HashParameters, lane?: string): Promise<Buffer> => {
    if (closed || !places.take(lane)) return Promise.reject(new HasherBusy('too many password checks'));
    return new Promise((resolve, reject) => {
      const job = { id: ++lastId, password, parameters };
      waiting.add(lane ?? '', { job, lane, resolve, reject });
      fill();
    });
  };

  return {
    hash: async (password, lane) => {
      const parameters = { ...PASSWORD_COST, salt: newSalt() };
      const wanted = { kind: 'argon2id', ...parameters, tagLength: TAG_BYTES } as const;
      const tag = await compute(password, wanted, lane);
      return formatHash({ ...parameters, tag });
    },
    verify: async (password, stored, lane) => {
      const spec = typeof stored === 'string' ? parseStoredHash(stored) : stored;
      if (!spec) throw new HasherFailed('not a hash of a known kind');
      const { tag: expected, ...parameters } = spec;
      const tag = await compute(password, { ...parameters, tagLength: expected.length }, lane);
      return {
        matches: tag.length === expected.length && timingSafeEqual(tag, expected),
        weak: spec.kind !== 'argon2id' || isWeaker(spec, PASSWORD_COST),
      };
    },
    close: () => {
      closed = true;
      for (const entry of [...waiting.drain(), ...running.values()])
        entry.reject(new HasherFailed('closing'));
      running.clear();
      child?.disconnect();
    },
  };
}
