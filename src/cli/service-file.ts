import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where a running service is found: written by `serve` into `data_dir`, removed when it stops. */
export interface ServiceFile {
  pid: number;
  /** Address of the admin API. */
  admin_url: string;
}

const pathIn = (dataDir: string) => join(dataDir, 'service.json');

/** Writes the file whole, with its directory if need be: a reader never sees half of it. */
export function writeServiceFile(dataDir: string, content: ServiceFile): void {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const draft = `${pathIn(dataDir)}.${content.pid}`;
  writeFileSync(draft, `${JSON.stringify(content)}\n`, { mode: 0o600 });
  renameSync(draft, pathIn(dataDir));
}

/** Removes the file if it is still this process's own. */
export function removeServiceFile(dataDir: string, pid: number): void {
  if (parse(dataDir)?.pid === pid) rmSync(pathIn(dataDir), { force: true });
}

function parse(dataDir: string): ServiceFile | undefined {
  try {
    const value = JSON.parse(readFileSync(pathIn(dataDir), 'utf8')) as Partial<ServiceFile> | null;
    if (typeof value?.pid !== 'number' || !Number.isSafeInteger(value.pid) || value.pid <= 0)
      return undefined;
    if (typeof value.admin_url !== 'string' || !/^https?:\/\//.test(value.admin_url)) return undefined;
    return { pid: value.pid, admin_url: value.admin_url };
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives, but belongs to somebody else.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** The service that runs on this data directory; `undefined` when none does, or only a killed one left its file. */
export function findRunningService(dataDir: string): ServiceFile | undefined {
  const found = parse(dataDir);
  return found && isAlive(found.pid) ? found : undefined;
}
