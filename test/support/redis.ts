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

function answersPing(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    socket.setTimeout(1_000, () => socket.destroy(new Error('no answer')));
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('closed')));
    socket.once('data', (answer) => {
      if (answer.toString().startsWith('+PONG')) resolve();
      socket.destroy();
    });
  });
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
    await untilReady(child.process, () => answersPing(port));
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
