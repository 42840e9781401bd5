/** Several real processes on one PostgreSQL and one Redis, behind a tiny proxy that takes them in turn. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConfigInput } from '../../src/config/config.ts';
import { postgresMissing, type PostgresServer, startPostgres } from '../support/postgres.ts';
import { redisMissing, type RedisServer, startRedis } from '../support/redis.ts';
import { configure, type ServeProcess, serve } from './serve-process.ts';

export const PASSWORD = 'correct horse battery staple';

/** Why no fleet can be started here; empty when it can. */
export const fleetMissing = (): string =>
  [postgresMissing(), redisMissing()].filter((why) => why !== undefined).join(', ');

export interface Fleet {
  readonly postgres: PostgresServer;
  readonly redis: RedisServer;
  readonly databaseUrl: string;
  readonly processes: ServeProcess[];
  /** Of the proxy. */
  readonly url: string;
  /** Ends one process in order and starts it anew. */
  restart(index: number, program?: string): Promise<void>;
  stop(): Promise<void>;
}

/** Sends each request to the next process; one that takes no connection is left out, as a load balancer would. */
function createProxy(targets: () => readonly ServeProcess[]) {
  let turn = 0;
  const forward = (req: IncomingMessage, res: ServerResponse, body: Buffer, triesLeft: number) => {
    const all = targets();
    const target = all[turn++ % all.length] as ServeProcess;
    const { hostname, port } = new URL(target.url);
    const call = request(
      { hostname, port, method: req.method, path: req.url, headers: req.headers, agent: false },
      (answer) => {
        res.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
        answer.pipe(res);
      },
    );
    call.on('error', (error: NodeJS.ErrnoException) => {
      // Nothing was sent yet, so it may go to another.
      if (error.code === 'ECONNREFUSED' && triesLeft > 0) return forward(req, res, body, triesLeft - 1);
      res.writeHead(502).end();
    });
    call.end(body);
  };
  return createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => forward(req, res, Buffer.concat(chunks), 3));
  });
}

/** Starts everything. The settings beyond the stores are the caller's; `program` is a launcher, by default this one's. */
export async function startFleet(
  size: number,
  settings: Partial<ConfigInput>,
  program?: string,
): Promise<Fleet> {
  const [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
  const databaseUrl = await postgres.createDatabase();
  const bytes = Buffer.from(Array.from({ length: 32 }, (_, i) => (i * 37 + 11) % 256));
  const encryption_keys = [bytes.toString('base64')];
  const folders: string[] = [];
  const processes: ServeProcess[] = [];
  for (let n = 0; n < size; n++) {
    const folder = mkdtempSync(join(tmpdir(), 'symbolon-fleet-'));
    folders.push(folder);
    configure(folder, {
      ...settings,
      keys: { encryption_keys },
      storage: { database_url: databaseUrl, redis_url: redis.url },
    });
    processes.push(await serve(folder, program));
  }
  let leaving = -1;
  const proxy = createProxy(() => processes.filter((_, n) => n !== leaving));
  await new Promise<void>((ready) => proxy.listen(0, '127.0.0.1', ready));
  const { port } = proxy.address() as AddressInfo;
  return {
    postgres,
    redis,
    databaseUrl,
    processes,
    url: `http://127.0.0.1:${port}`,
    async restart(index, program) {
      // A load balancer is told first; what is under way there finishes.
      leaving = index;
      const ended = await (processes[index] as ServeProcess).end('SIGTERM');
      if (ended.code !== 0) throw new Error(`a process ended with ${ended.code ?? ended.signal}`);
      processes[index] = await serve(folders[index] as string, program);
      leaving = -1;
    },
    async stop() {
      proxy.close();
      proxy.closeAllConnections();
      await Promise.all(processes.map((one) => one.end('SIGKILL')));
      await Promise.all([postgres.stop(), redis.stop()]);
      for (const folder of folders) rmSync(folder, { recursive: true, force: true });
    },
  };
}

export interface SignedIn {
  customer_id: string;
  JWT: string;
  refresh_token?: string;
}

/** A sign-in, or a renewal, at one address. Throws what was answered instead. */
export async function authenticate(url: string, body: object): Promise<{ answer: SignedIn; cookie: string }> {
  const response = await fetch(`${url}/customer_authenticate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const answer = (await response.json()) as SignedIn;
  if (response.status !== 200) throw new Error(`${response.status} ${JSON.stringify(answer)}`);
  return { answer, cookie: response.headers.getSetCookie()[0]?.split(';')[0] ?? '' };
}
