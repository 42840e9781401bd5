/**
 * Runs in a process of its own at low priority: computes argon2id tags for the main process, so that a flood of
 * sign-ins takes no time from anything else. Passwords come by the process channel and are never kept.
 */
import { argon2 } from 'node:crypto';
import { setPriority } from 'node:os';

export interface HashJob {
  id: number;
  password: string;
  salt: Uint8Array;
  memoryKib: number;
  passes: number;
  parallelism: number;
  tagLength: number;
}

export type HashReply = { id: number; tag: Uint8Array } | { id: number; failed: true };

try {
  setPriority(19);
} catch {
  // Some containers forbid it; hashing then merely competes.
}

process.on('message', (job: HashJob) => {
  argon2(
    'argon2id',
    {
      message: Buffer.from(job.password, 'utf8'),
      nonce: job.salt,
      memory: job.memoryKib,
      passes: job.passes,
      parallelism: job.parallelism,
      tagLength: job.tagLength,
    },
    (error, tag) => {
      const reply: HashReply = error ? { id: job.id, failed: true } : { id: job.id, tag };
      process.send?.(reply);
    },
  );
});
process.on('disconnect', () => process.exit(0));
// A signal to the whole group is the main process's to answer: work under way may finish.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
