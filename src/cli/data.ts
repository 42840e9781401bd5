import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { constants } from 'node:os';
import { createInterface } from 'node:readline';
import { getSystemErrorMessage } from 'node:util';
import type { Command } from 'commander';
import type { DataDeps } from '../service/move-data.ts';
import type { GlobalOptions } from './command-options.ts';
import { findRunningService } from './service-file.ts';
import { CommandFailed, print, printError, printJson, UsageError } from './terminal.ts';

/** Progress is told after this many rows of a table. */
const ROWS_PER_REPORT = 100_000;
/** Lines are gathered up to about this size before they are written. */
const WRITE_BYTES = 262_144;

async function openDeps(file: string | undefined): Promise<DataDeps> {
  const [{ loadConfig }, { loadSecrets }, { systemClock }] = await Promise.all([
    import('../config/load.ts'),
    import('../config/secrets.ts'),
    import('../platform/clock.ts'),
  ]);
  const { config } = loadConfig({ file });
  return { config, secrets: loadSecrets(config), clock: systemClock };
}

/** Driver errors become one sentence. */
async function tidily<T>(run: () => Promise<T>): Promise<T> {
  const { BridgeError } = await import('../errors.ts');
  return run().catch((error: unknown) => {
    if (!(error instanceof BridgeError)) throw error;
    if (error.cause instanceof UsageError) throw error.cause;
    throw new CommandFailed(
      error.code === 'STORE_UNAVAILABLE'
        ? 'The database cannot be reached or opened. Check storage.database_url (DATABASE_URL), storage.redis_url, and that they run.'
        : 'The database refused the work and was left as it was. Run it again with --debug for details.',
      { cause: error },
    );
  });
}

const told = (verb: string) => (table: string, rows: number) => {
  if (rows > 0 && rows % ROWS_PER_REPORT === 0) printError(`${verb} ${rows} rows of ${table}`);
};

/** A file that appears under its name only when it is whole; 0600. Throws `CommandFailed` when it is there already. */
async function writeWhole(
  path: string,
  fill: (writeLine: (line: string) => Promise<void>) => Promise<void>,
): Promise<void> {
  const draft = `${path}.part`;
  let handle: FileHandle;
  try {
    await (await open(path, 'wx', 0o600)).close();
    handle = await open(draft, 'w', 0o600);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new CommandFailed(
      code === 'EEXIST'
        ? `${path} exists already. An export overwrites nothing: choose another name.`
        : `${path} cannot be made (${code ?? 'unknown'}).`,
    );
  }
  let waiting = '';
  const flush = async () => {
    const text = waiting;
    waiting = '';
    await handle.writeFile(text);
  };
  try {
    await fill(async (line) => {
      waiting += line;
      if (waiting.length >= WRITE_BYTES) await flush();
    });
    await flush();
    await handle.sync();
    await handle.close();
    await rename(draft, path);
  } catch (error) {
    await handle.close().catch(() => {});
    await Promise.all([rm(draft, { force: true }), rm(path, { force: true })]);
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') {
      throw new CommandFailed(`The disk has no room for ${path}. Nothing was left of it.`);
    }
    throw error;
  }
}

const IS_FOLDER = { code: 'EISDIR', errno: -constants.errno.EISDIR };

const unreadable = (path: string, error: unknown) => {
  const { errno, code = 'unknown' } = error as NodeJS.ErrnoException;
  const why = errno === undefined ? code : `${getSystemErrorMessage(errno)} (${code})`;
  return new UsageError(`${path} cannot be read: ${why}.`, { cause: error });
};

/** Opens a file to read before anything else is begun. Throws `UsageError`. */
async function openToRead(path: string): Promise<FileHandle> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, 'r');
    if ((await handle.stat()).isDirectory()) throw Object.assign(new Error(path), IS_FOLDER);
    return handle;
  } catch (error) {
    await handle?.close();
    throw unreadable(path, error);
  }
}

async function* linesOf(path: string, handle: FileHandle): AsyncGenerator<string> {
  const stream = handle.createReadStream({ encoding: 'utf8' });
  try {
    yield* createInterface({ input: stream, crlfDelay: Infinity });
  } catch (error) {
    throw unreadable(path, error);
  } finally {
    stream.destroy();
  }
}

function registerMigrate(program: Command): void {
  program
    .command('migrate')
    .description('bring the tables of the database to this version')
    .option('--check', 'only say whether something is due; exit code 1 when it is')
    .option('--dry-run', 'run what is due and take it back')
    .option('--contract', 'also take away what only older versions need; first stop them all')
    .addHelpText('after', '\nExample:\n  $ symbolon migrate --check')
    .action(
      async (
        options: { check?: boolean; dryRun?: boolean; contract?: boolean },
        command: Command,
      ): Promise<void> => {
        const { config: file, json } = command.optsWithGlobals<GlobalOptions>();
        const mode = options.check ? 'read' : options.dryRun ? 'try' : 'run';
        const { migrateDatabase } = await import('../service/move-data.ts');
        const { config } = await openDeps(file);
        const { before, ran } = await tidily(() =>
          migrateDatabase(config, { contract: options.contract === true, mode }),
        );
        const { due, waiting, newer } = before;
        if (mode === 'read' && due.length > 0) process.exitCode = 1;
        if (json) return printJson({ due, waiting, newer, ran, kept: mode === 'run' });
        const said = { read: 'due', try: 'works, and was taken back', run: 'done' }[mode];
        for (const name of mode === 'read' ? due : ran) print(`${name}  ${said}`);
        if ((mode === 'read' ? due : ran).length === 0) print('The tables are those of this version.');
        if (newer.length > 0) print(`A newer version added: ${newer.join(', ')}.`);
        const left = waiting.filter((name) => !ran.includes(name));
        if (left.length > 0) {
          print(`Waiting until no older version runs: ${left.join(', ')}. Then: symbolon migrate --contract`);
        }
      },
    );
}

function registerBackup(program: Command): void {
  program
    .command('backup')
    .argument('<file>', 'new file for the copy; readable by this user alone')
    .description('copy the embedded database, also while the service runs')
    .addHelpText('after', '\nExample:\n  $ symbolon backup /var/backups/symbolon-monday.db')
    .action(async (target: string, _options: object, command: Command) => {
      const { config: file, json } = command.optsWithGlobals<GlobalOptions>();
      const { backupDatabase } = await import('../service/move-data.ts');
      const deps = await openDeps(file);
      const bytes = await tidily(() => backupDatabase(deps, target));
      if (json) return printJson({ file: target, bytes });
      print(`${target} holds the database (${bytes} bytes), checked. The key-encryption key is not in it.`);
    });
}

function registerExport(program: Command): void {
  program
    .command('export')
    .argument('<file>', 'new file for the rows; readable by this user alone')
    .description('write the whole database to a file, to move it to another database')
    .option('--lasting-only', 'leave sessions, codes and refresh tokens behind')
    .addHelpText('after', '\nExample:\n  $ symbolon export move.jsonl')
    .action(async (path: string, options: { lastingOnly?: boolean }, command: Command) => {
      const { config: file, json } = command.optsWithGlobals<GlobalOptions>();
      const { exportDatabase } = await import('../service/move-data.ts');
      const deps = await openDeps(file);
      const running = findRunningService(deps.config.data_dir) !== undefined;
      let moved = { tables: 0, rows: 0 };
      await tidily(() =>
        writeWhole(path, async (writeLine) => {
          const lastingOnly = options.lastingOnly === true;
          moved = await exportDatabase(deps, { lastingOnly, writeLine, onProgress: told('written:') });
        }),
      );
      if (json) return printJson({ file: path, ...moved, service_running: running });
      print(`${path} holds ${moved.rows} rows of ${moved.tables} tables.`);
      if (running) {
        printError(
          'The service runs: what happens from now on is not in the file. For a move, stop it first.',
        );
      }
    });
}

function registerImport(program: Command): void {
  program
    .command('import')
    .argument('<file>', 'what export wrote')
    .description('put an export into the configured database, which must be empty: all of it or nothing')
    .addHelpText('after', '\nExample:\n  $ DATABASE_URL=postgres://… symbolon import move.jsonl')
    .action(async (path: string, _options: object, command: Command) => {
      const { config: file, json } = command.optsWithGlobals<GlobalOptions>();
      const { importDatabase } = await import('../service/move-data.ts');
      await using handle = await openToRead(path);
      const deps = await openDeps(file);
      const moved = await tidily(() => importDatabase(deps, linesOf(path, handle), told('read:')));
      if (json) return printJson({ file: path, ...moved });
      print(`${moved.rows} rows of ${moved.tables} tables were imported, read back and compared.`);
    });
}

/** `migrate`, `backup`, `export` and `import`: the database as a whole. */
export function registerData(program: Command): void {
  registerMigrate(program);
  registerBackup(program);
  registerExport(program);
  registerImport(program);
}
