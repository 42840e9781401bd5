import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestCertificate } from './certificate.ts';
import { type ChildServer, findProgram, freePort, startChild, untilReady } from './child-server.ts';

export interface RedisServer {
  readonly url: string;
  /** Of the server that runs now. */
  pid(): number;
  /** Ends the server as a crash would; `start` brings it back, empty, on the same port. */
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Why no server can be started here, or `undefined` when it can. */
export function redisMissing(): string | undefined {
  return findProgram('redis-server') ? undefined : 'no redis-server found';
}

/** Whether an answer to `INFO server` is of this process. */
export const isOfProcess = (info: string, pid: number | undefined): boolean =>
  /^process_id:(\d+)\r$/m.exec(info)?.[1] === String(pid);

async function isServedBy(port: number, pid: number | undefined): Promise<void> {
  const socket = connect(port, '127.0.0.1', () => socket.write('INFO server\r\n'));
  socket.setTimeout(1_000, () => socket.destroy(new Error('no answer')));
  let info = '';
  for await (const part of socket) {
    info += String(part);
    if (isOfProcess(info, pid)) return;
  }
  throw new Error('another server has the port');
}

/** Starts a server of our own on a free loopback port; it keeps nothing on disk. With a certificate a second port speaks TLS. */
export async function startRedis(certificate?: TestCertificate): Promise<RedisServer & { tlsPort: number }> {
  const directory = mkdtempSync(join(tmpdir(), 'symbolon-redis-'));
  const port = await freePort();
  const tlsPort = certificate ? await freePort() : 0;
  const tls: string[] = [];
  if (certificate) {
    tls.push('--tls-port', String(tlsPort), '--tls-auth-clients', 'no');
    for (const [part, text] of Object.entries(certificate)) {
      const file = join(directory, `${part}.pem`);
      writeFileSync(file, text as string, { mode: 0o600 });
      tls.push(`--tls-${part}-file`, file);
    }
    tls.push('--tls-ca-cert-file', join(directory, 'cert.pem'));
  }
  let child: ChildServer;
  const start = async () => {
    child = startChild(findProgram('redis-server') as string, [
      '--port',
      String(port),
      '--bind',
      '127.0.0.1',
      '--dir',
      directory,
      '--save',
      '',
      '--appendonly',
      'no',
      ...tls,
    ]);
    await untilReady(child.process, () => isServedBy(port, child.process.pid));
  };
  await start();
  return {
    url: `redis://127.0.0.1:${port}`,
    tlsPort,
    pid: () => child.process.pid as number,
    start,
    kill: () => child.stop('SIGKILL'),
    async stop() {
      await child.stop('SIGKILL');
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
