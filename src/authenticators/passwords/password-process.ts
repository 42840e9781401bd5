/**
 * Runs in a process of its own at low priority: computes password hashes for the main process, so that a flood of
 * sign-ins takes no time from anything else. Passwords come by the process channel and are never kept.
 */
import { argon2, pbkdf2, scrypt } from 'node:crypto';
import { setPriority } from 'node:os';
import { promisify } from 'node:util';
import type { PbkdfDigest } from './stored-hash.ts';

/** What is to be computed: a kind of hash, its cost, its salt. */
export type HashParameters =
  | {
      kind: 'argon2id';
      salt: Uint8Array;
      memoryKib: number;
      passes: number;
      parallelism: number;
      tagLength: number;
    }
  | {
      kind: 'scrypt';
      salt: Uint8Array;
      cost: number;
      blockSize: number;
      parallelism: number;
      tagLength: number;
    }
  | { kind: 'pbkdf2'; salt: Uint8Array; digest: PbkdfDigest; iterations: number; tagLength: number }
  | { kind: 'bcrypt'; salt: Uint8Array; tagLength: number };

export interface HashJob {
  id: number;
  password: string;
  parameters: HashParameters;
}

export type HashReply = { id: number; tag: Uint8Array } | { id: number; failed: true };

try {
  setPriority(19);
} catch {
  // Some containers forbid it; hashing then merely competes.
}

const argon2Async = promisify(argon2);
const pbkdf2Async = promisify(pbkdf2);

function scryptAsync(
  message: Buffer,
  { salt, cost, blockSize, parallelism, tagLength }: Extract<HashParameters, { kind: 'scrypt' }>,
): Promise<Uint8Array> {
  // Node counts a little more than the 128·N·r of RFC 7914.
  const maxmem = 256 * cost * blockSize + 1_048_576;
  return new Promise((resolve, reject) => {
    scrypt(
      message,
      salt,
      tagLength,
      { cost, blockSize, parallelization: parallelism, maxmem },
      (error, tag) => (error ? reject(error) : resolve(tag)),
    );
  });
}

async function compute(password: string, parameters: HashParameters): Promise<Uint8Array> {
  const message = Buffer.from(password, 'utf8');
  switch (parameters.kind) {
    case 'argon2id': {
      const { salt: nonce, memoryKib: memory, passes, parallelism, tagLength } = parameters;
      return argon2Async('argon2id', { message, nonce, memory, passes, parallelism, tagLength });
    }
    case 'scrypt':
      return scryptAsync(message, parameters);
    case 'pbkdf2': {
      const { salt, iterations, tagLength, digest } = parameters;
      return pbkdf2Async(message, salt, iterations, tagLength, digest);
    }
    case 'bcrypt': {
      const { hash } = await import('bcryptjs');
      return Buffer.from(await hash(password, Buffer.from(parameters.salt).toString('latin1')), 'latin1');
    }
  }
}

process.on('message', (job: HashJob) => {
  void compute(job.password, job.parameters)
    .then(
      (tag): HashReply => ({ id: job.id, tag }),
      (): HashReply => ({ id: job.id, failed: true }),
    )
    .then((reply) => process.send?.(reply));
});
process.on('disconnect', () => process.exit(0));
// A signal to the whole group is the main process's to answer: work under way may finish.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
