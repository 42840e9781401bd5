import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

/** Clock ticks of /proc/<pid>/stat a second. */
const TICKS_PER_SECOND = Number(spawnSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }).stdout) || 100;

export interface Started {
  child: ChildProcess;
  /** First line that it printed: where it listens, or JSON. */
  line: string;
}

export interface StartOptions {
  core: number;
  /** Default: this Node. */
  program?: string;
  cwd?: string;
  env?: Record<string, string>;
  ready: (line: string) => boolean;
}

/** Whether a program of this name answers to `args`. */
export function isInstalled(program: string, args: readonly string[]): boolean {
  return spawnSync(program, args).status === 0;
}

/** Starts a program pinned to one core (where taskset is there) and waits for the line that `ready` accepts. */
export async function start(args: readonly string[], options: StartOptions): Promise<Started> {
  const { program = process.execPath } = options;
  const pin = isInstalled('taskset', ['-c', String(options.core), 'true']);
  const command = pin ? 'taskset' : program;
  const all = pin ? ['-c', String(options.core), program, ...args] : args;
  const child = spawn(command, all, {
    cwd: options.cwd,
    env: { ...process.env, NO_COLOR: '1', ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines = [child.stdout, child.stderr].map((input) => createInterface({ input }));
  return new Promise((resolve, reject) => {
    const said: string[] = [];
    child.once('exit', (code) =>
      reject(new Error(`${args.join(' ')} ended with ${code}: ${said.join(' | ')}`)),
    );
    for (const reader of lines) {
      reader.on('line', (line) => {
        if (options.ready(line)) resolve({ child, line });
        else if (said.length < 20) said.push(line);
      });
    }
  });
}

export async function stop({ child }: Started): Promise<void> {
  child.removeAllListeners('exit');
  if (child.exitCode !== null) return;
  await new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.kill('SIGTERM');
  });
}

function statOf(pid: number): { parent: number; ticks: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) };
  } catch {
    return undefined;
  }
}

/** CPU time of a process and its descendants so far, user and system, in microseconds. */
export function cpuMicroseconds(pid: number): number {
  const all = new Map<number, { parent: number; ticks: number }>();
  for (const name of readdirSync('/proc')) {
    const stat = /^\d+$/.test(name) ? statOf(Number(name)) : undefined;
    if (stat) all.set(Number(name), stat);
  }
  const belongs = (one: number): boolean => {
    for (let at: number | undefined = one; at !== undefined && at > 1; at = all.get(at)?.parent) {
      if (at === pid) return true;
    }
    return false;
  };
  let ticks = 0;
  for (const [one, stat] of all) if (belongs(one)) ticks += stat.ticks;
  return (ticks / TICKS_PER_SECOND) * 1_000_000;
}

/** Resident memory of a process in MiB. */
export function residentMib(pid: number): number {
  const match = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Math.round(Number(match?.[1] ?? 0) / 1024);
}
