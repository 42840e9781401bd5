import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { delimiter, join } from 'node:path';

/** Path of a program in `PATH` or in one of the further folders, or `undefined`. */
export function findProgram(name: string, folders: readonly string[] = []): string | undefined {
  for (const folder of [...(process.env.PATH ?? '').split(delimiter), ...folders]) {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return join(folder, name);
    } catch {
      // not here
    }
  }
  return undefined;
}

/** With 10,000 added they still lie below 32768, where Linux begins to take ports of its own choice. */
const PORTS = { first: 16_000, blocks: 300, blockSize: 20 };

/** A server on this port of the loopback address, or `undefined` when it is taken. */
async function listenOn(port: number): Promise<Server | undefined> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
    return server;
  } catch {
    return undefined;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = await listenOn(port);
  if (!server) return false;
  server.close();
  await once(server, 'close');
  return true;
}

/** Ports, block after block; the first of each is listened on until this process ends, so that no other has the same block. */
async function* portsOfOurBlocks(): AsyncGenerator<number, never> {
  for (let n = 0; n < PORTS.blocks; n++) {
    const first = PORTS.first + ((process.pid + n) % PORTS.blocks) * PORTS.blockSize;
    const claim = await listenOn(first);
    if (!claim) continue;
    claim.unref();
    for (let port = first + 1; port < first + PORTS.blockSize; port++) yield port;
  }
  throw new Error('every port is taken');
}

const ports = portsOfOurBlocks();

/**
 * A port of the loopback address that nobody listens on: no connection, no `listen(0)` and no other process that asks here
 * is given it, and it is given once. `alsoFree`: the port that lies this far above it is free as well.
 */
export async function freePort({ alsoFree = 0 }: { alsoFree?: 0 | 10_000 } = {}): Promise<number> {
  for (;;) {
    const { value: port } = await ports.next();
    if ((await isFree(port)) && (alsoFree === 0 || (await isFree(port + alsoFree)))) return port;
  }
}

/** User and group id of an account, or `undefined` when the machine has none of this name. */
export function accountIds(name: string): { uid: number; gid: number } | undefined {
  try {
    const id = (flag: string) =>
      Number(execFileSync('id', [flag, name], { stdio: ['ignore', 'pipe', 'ignore'] }));
    return { uid: id('-u'), gid: id('-g') };
  } catch {
    return undefined;
  }
}

export interface ChildServer {
  readonly process: ChildProcess;
  /** Sends the signal and waits for the end. */
  stop(signal: NodeJS.Signals): Promise<void>;
}

/** Starts a server as a child process that does not outlive this one. */
export function startChild(command: string, args: readonly string[]): ChildServer {
  const child = spawn(command, args, { cwd: '/', stdio: 'ignore' });
  const endWithUs = () => child.kill('SIGKILL');
  process.once('exit', endWithUs);
  child.once('exit', () => process.off('exit', endWithUs));
  child.once('error', () => process.off('exit', endWithUs));
  return {
    process: child,
    async stop(signal) {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill(signal);
      await ended;
    },
  };
}

/** Tries until `attempt` succeeds; throws its last error after `timeoutMs`, or at once when the child has ended. */
export async function untilReady(
  child: ChildProcess,
  attempt: () => Promise<void>,
  timeoutMs = 20_000,
): Promise<void> {
  const giveUpAt = performance.now() + timeoutMs;
  for (;;) {
    try {
      await attempt();
      return;
    } catch (error) {
      if (performance.now() > giveUpAt || child.exitCode !== null) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
