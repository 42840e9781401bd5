import { linkSync, rmSync, unlinkSync } from 'node:fs';
import { open } from 'node:fs/promises';
import process from 'node:process';
import { CommandFailed, UsageError } from './terminal.ts';

/** A file under way, which has its name only once it is whole. */
export interface PrivateFile {
  write(text: string): Promise<void>;
  /** Gives it its name. Throws `CommandFailed`, and leaves nothing behind, when another file has the name by now. */
  keep(): Promise<void>;
  /** Removes what was written. */
  discard(): Promise<void>;
}

/** The exit codes that shells give these signals. */
const SIGNALS: Record<string, number> = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 };

/**
 * Begins a new file that only its owner can read (mode 0600), as `FILE.part`. It is removed when a signal ends the
 * command, which then ends with that signal's exit code. Throws `UsageError` when either file is there already.
 */
export async function newPrivateFile(file: string): Promise<PrivateFile> {
  const part = `${file}.part`;
  const exists = (name: string) =>
    new UsageError(`${name} exists already. Choose another name, or remove it.`);
  const opened = async (name: string) => {
    try {
      return await open(name, 'wx', 0o600);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw exists(name);
      throw new UsageError(`${name} cannot be written.`);
    }
  };
  // The name itself is tried first, so that nobody waits for an answer that could not be kept.
  await (await opened(file)).close();
  rmSync(file);

  const removePart = () => rmSync(part, { force: true });
  const ends = Object.entries(SIGNALS).map(([signal, exitCode]) => {
    const end = () => {
      removePart();
      process.exit(exitCode);
    };
    return [signal, end] as const;
  });
  const handle = await opened(part);
  for (const [signal, end] of ends) process.on(signal, end);
  const close = async () => {
    await handle.close().catch(() => {});
    for (const [signal, end] of ends) process.off(signal, end);
  };

  return {
    write: async (text) => {
      await handle.writeFile(text);
    },
    async keep() {
      try {
        await handle.sync();
        // A link, unlike a renaming, never replaces a file that somebody made in the meantime.
        linkSync(part, file);
        unlinkSync(part);
      } catch {
        removePart();
        throw new CommandFailed(`${file} could not be written.`);
      } finally {
        await close();
      }
    },
    async discard() {
      removePart();
      await close();
    },
  };
}
