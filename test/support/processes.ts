/** What the kernel tells about processes of ours (Linux). */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** What `read` gives, or `absent` when the process has ended meanwhile. */
function unlessGone<T>(read: () => T, absent: T): T {
  try {
    return read();
  } catch {
    return absent;
  }
}

const parentOf = (pid: number) => Number(/\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1]);

/** Processes that `parent` started and that have not ended; by default those of this process. */
export function childrenOf(parent = process.pid): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => unlessGone(() => parentOf(pid) === parent, false));
}

/** Children of this process that have the file open. */
export function childrenWith(file: string): number[] {
  const holds = (pid: number) =>
    readdirSync(`/proc/${pid}/fd`).some((fd) =>
      unlessGone(() => readlinkSync(`/proc/${pid}/fd/${fd}`) === file, false),
    );
  return childrenOf().filter((pid) => unlessGone(() => holds(pid), false));
}

/** Whether a process with this id runs. */
export function isRunning(pid: number): boolean {
  return unlessGone(() => !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8')), false);
}
