import { execFileSync } from 'node:child_process';
import { chownSync, globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
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
import type { TestCertificate } from './certificate.ts';

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

/** Starts a server of our own on a free loopback port, with an empty data directory; with a certificate it speaks TLS too. */
export async function startPostgres(certificate?: TestCertificate): Promise<PostgresServer> {
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
  const settings = ['fsync=off', 'full_page_writes=off'];
  if (certificate) {
    settings.push('ssl=on');
    for (const [part, text] of Object.entries(certificate)) {
      const file = join(directory, `${part}.pem`);
      writeFileSync(file, text as string, { mode: 0o600 });
      if (ids) chownSync(file, ids.uid, ids.gid);
      settings.push(`ssl_${part}_file=${file}`);
    }
  }
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
        ...settings.flatMap((setting) => ['-c', setting]),
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
