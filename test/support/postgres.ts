import { execFileSync } from 'node:child_process';
import { chownSync, globSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import {
  accountIds,
  type ChildServer,
  findProgram,
  freePort,
  startChild,
  untilReady,
} from './child-server.ts';

/** Where Debian keeps the programs of each version, newest first. */
const FOLDERS = globSync('/usr/lib/postgresql/*/bin').sort().reverse();
const ACCOUNT = 'postgres';

export interface PostgresServer {
  /** Makes an empty database and gives its address. */
  createDatabase(): Promise<string>;
  /** Ends the server as a crash would; `start` brings it back with its data. */
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Why no server can be started here, or `undefined` when it can. */
export function postgresMissing(): string | undefined {
  if (!findProgram('initdb', FOLDERS) || !findProgram('postgres', FOLDERS))
    return 'no PostgreSQL server found';
  if (process.getuid?.() !== 0) return undefined;
  if (!findProgram('setpriv') || !accountIds(ACCOUNT)) return 'PostgreSQL does not run as root';
  return undefined;
}

/** PostgreSQL refuses to run as root: as root it is run under its own account. */
function asOwnAccount(command: string, args: readonly string[]): [string, string[]] {
  if (process.getuid?.() !== 0) return [command, [...args]];
  const account = ['--reuid', ACCOUNT, '--regid', ACCOUNT, '--init-groups'];
  return [findProgram('setpriv') as string, [...account, command, ...args]];
}

/** Starts a server of our own on a free loopback port, with an empty data directory. */
export async function startPostgres(): Promise<PostgresServer> {
  const directory = mkdtempSync(join(tmpdir(), 'symbolon-postgres-'));
  const ids = process.getuid?.() === 0 ? accountIds(ACCOUNT) : undefined;
  if (ids) chownSync(directory, ids.uid, ids.gid);
  const data = join(directory, 'data');
  execFileSync(
    ...asOwnAccount(findProgram('initdb', FOLDERS) as string, [
      '-D',
      data,
      ...'-U symbolon -A trust -E UTF8 --locale=C --no-sync'.split(' '),
    ]),
    { cwd: '/', stdio: 'ignore' },
  );
  const port = await freePort();
  const address = (database: string) => `postgres://symbolon@127.0.0.1:${port}/${database}`;
  const fast = ['fsync=off', 'full_page_writes=off'];
  let child: ChildServer;
  const inMaintenance = async (statement: string) => {
    const client = new Client({ connectionString: address('postgres'), connectionTimeoutMillis: 2_000 });
    client.on('error', () => {});
    try {
      await client.connect();
      await client.query(statement);
    } finally {
      await client.end();
    }
  };
  const start = async () => {
    child = startChild(
      ...asOwnAccount(findProgram('postgres', FOLDERS) as string, [
        '-D',
        data,
        '-k',
        directory,
        ...`-p ${port} -h 127.0.0.1`.split(' '),
        ...fast.flatMap((setting) => ['-c', setting]),
      ]),
    );
    await untilReady(child.process, () => inMaintenance('select 1'));
  };
  await start();
  let databases = 0;
  return {
    async createDatabase() {
      databases += 1;
      await inMaintenance(`create database test_${databases}`);
      return address(`test_${databases}`);
    },
    start,
    kill: () => child.stop('SIGQUIT'),
    async stop() {
      await child.stop('SIGQUIT');
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
