/** Redis as a cluster of three, and as a primary with a replica that sentinels watch over; all on loopback. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from 'redis';
import { type ChildServer, findProgram, freePort, startChild, untilReady } from './child-server.ts';
import { isOfProcess } from './redis.ts';

const HOST = '127.0.0.1';

interface Node {
  port: number;
  child: ChildServer;
}

/** Sends one command to one server. */
async function tell(port: number, command: string[]): Promise<unknown> {
  const client = createClient({ url: `redis://${HOST}:${port}`, socket: { reconnectStrategy: false } });
  client.on('error', () => {});
  await client.connect();
  try {
    return await client.sendCommand(command);
  } finally {
    client.destroy();
  }
}

async function startNode(folder: string, args: readonly string[], port: number): Promise<Node> {
  const program = findProgram('redis-server') as string;
  const plain = ['--dir', folder, '--save', '', '--appendonly', 'no', '--bind', HOST];
  const child = startChild(program, [...args, '--port', String(port), ...plain]);
  await untilReady(child.process, async () => {
    const info = String(await tell(port, ['INFO', 'server']));
    if (!isOfProcess(info, child.process.pid)) throw new Error('another server has the port');
  });
  return { port, child };
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const giveUpAt = performance.now() + 20_000;
  while (!(await holds().catch(() => false))) {
    if (performance.now() > giveUpAt) throw new Error('the servers did not find each other');
    await new Promise((later) => setTimeout(later, 50));
  }
}

export interface RedisTopology {
  /** Address of the whole. */
  readonly url: string;
  /** Ends the server that takes writes as a crash would (in a cluster: the first of the three). */
  killPrimary(): Promise<void>;
  stop(): Promise<void>;
}

/** Three servers that share the slots, without replicas. */
export async function startRedisCluster(): Promise<RedisTopology> {
  const folder = mkdtempSync(join(tmpdir(), 'symbolon-cluster-'));
  const nodes: Node[] = [];
  for (let n = 0; n < 3; n++) {
    const settings = `--cluster-enabled yes --cluster-config-file nodes-${n}.conf --cluster-node-timeout 2000`;
    // The bus of a node listens 10,000 ports higher.
    const port = await freePort({ alsoFree: 10_000 });
    nodes.push(await startNode(folder, settings.split(' '), port));
  }
  const bounds = [0, 5461, 10923, 16384];
  for (const [n, { port }] of nodes.entries()) {
    await tell(port, ['CLUSTER', 'ADDSLOTSRANGE', String(bounds[n]), String((bounds[n + 1] as number) - 1)]);
    await tell(port, ['CLUSTER', 'MEET', HOST, String((nodes[0] as Node).port)]);
  }
  for (const { port } of nodes) {
    await until(async () => String(await tell(port, ['CLUSTER', 'INFO'])).includes('cluster_state:ok'));
    await until(async () => String(await tell(port, ['CLUSTER', 'INFO'])).includes('cluster_known_nodes:3'));
  }
  return {
    url: `redis+cluster://${nodes.map(({ port }) => `${HOST}:${port}`).join(',')}`,
    killPrimary: () => (nodes[0] as Node).child.stop('SIGKILL'),
    async stop() {
      await Promise.all(nodes.map(({ child }) => child.stop('SIGKILL')));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A primary, its replica, and a sentinel that promotes the replica half a second after the primary is gone. */
export async function startRedisSentinel(): Promise<RedisTopology> {
  const folder = mkdtempSync(join(tmpdir(), 'symbolon-sentinel-'));
  const primary = await startNode(folder, [], await freePort());
  const replica = await startNode(folder, ['--replicaof', HOST, String(primary.port)], await freePort());
  const file = join(folder, 'sentinel.conf');
  const name = 'bridge';
  writeFileSync(
    file,
    `sentinel monitor ${name} ${HOST} ${primary.port} 1
sentinel down-after-milliseconds ${name} 500
sentinel failover-timeout ${name} 2000
`,
  );
  const sentinel = await startNode(folder, [file, '--sentinel'], await freePort());
  await until(
    async () => ((await tell(sentinel.port, ['SENTINEL', 'REPLICAS', name])) as unknown[]).length === 1,
  );
  await until(async () =>
    String(await tell(replica.port, ['INFO', 'replication'])).includes('link_status:up'),
  );
  return {
    url: `redis+sentinel://${HOST}:${sentinel.port}/${name}`,
    killPrimary: () => primary.child.stop('SIGKILL'),
    async stop() {
      await Promise.all([sentinel, replica, primary].map(({ child }) => child.stop('SIGKILL')));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
