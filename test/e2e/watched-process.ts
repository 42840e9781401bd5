import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { type ServeProcess, serve } from './serve-process.ts';

const PRELOAD = pathToFileURL(resolve(import.meta.dirname, '../support/inside-process.ts')).href;
const ANSWER_LIMIT_MS = 20_000;

/** A `symbolon serve` whose clocks can be moved, and whose memory can be looked at from inside. */
export interface WatchedProcess extends ServeProcess {
  /** Sets its wall clock so many milliseconds from the right time. */
  shift(ms: number): Promise<void>;
  /** What it has in use after a garbage collection: objects of JavaScript, and what they hold outside of its heap; bytes. */
  liveBytes(): Promise<number>;
  residentBytes(): number;
  /** Open files and sockets. */
  handles(): number;
  /** Processor time so far, in milliseconds. */
  processorMs(): number;
  /** Wall-clock time as the process has it, unless it was shifted. */
  nowMs(): number;
}

/** Starts it with the heap flags of the image. `speed`: how much faster its clocks run, by default as they do. */
export async function serveWatched(folder: string, speed = 1): Promise<WatchedProcess> {
  const file = join(folder, 'inside.json');
  const fromMs = Date.now();
  const service = await serve(folder, undefined, {
    NODE_OPTIONS: `--max-semi-space-size=8 --import ${PRELOAD}`,
    INSIDE_FILE: file,
    CLOCK_SPEED: String(speed),
    CLOCK_FROM_MS: String(fromMs),
  });
  const { pid } = service;
  const order = async (what: object): Promise<unknown> => {
    rmSync(`${file}.done`, { force: true });
    writeFileSync(file, JSON.stringify(what));
    process.kill(pid, 'SIGUSR2');
    for (let waitedMs = 0; waitedMs < ANSWER_LIMIT_MS; waitedMs += 10) {
      await pause(10);
      try {
        return JSON.parse(readFileSync(`${file}.done`, 'utf8'));
      } catch {
        // not yet, or not all of it
      }
    }
    throw new Error('the process does not answer');
  };
  return {
    ...service,
    shift: async (ms) => void (await order({ shiftMs: ms })),
    liveBytes: async () => {
      const { heapUsed, external } = (await order({ collect: true })) as NodeJS.MemoryUsage;
      return heapUsed + external;
    },
    residentBytes: () =>
      Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024,
    handles: () => readdirSync(`/proc/${pid}/fd`).length,
    processorMs: () => {
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /, '')
        .split(' ');
      // The kernel counts in hundredths of a second.
      return (Number(fields[11]) + Number(fields[12])) * 10;
    },
    nowMs: () => fromMs + (Date.now() - fromMs) * speed,
  };
}
