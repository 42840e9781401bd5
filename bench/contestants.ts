/** Starts what is measured, and ends it. */
import { join } from 'node:path';
import { startRedis } from '../test/support/redis.ts';
import { buildService } from './built.ts';
import { isInstalled, start, type Started, stop } from './contestant.ts';
import { OTHER_CORE, SERVER_CORE } from './measure.ts';
import { type BenchedSymbolon, startSymbolon, type SymbolonOptions } from './symbolon.ts';

const peerFile = (name: string) => new URL(`./peers/${name}.ts`, import.meta.url).pathname;

export interface Peer {
  started: Started;
  url: string;
  /** What the stack most would write says of itself. */
  access: string;
  customers: string[];
  publicPem: string;
}

export interface Stage {
  backendUrl: string;
  symbolon(options?: Partial<SymbolonOptions>): Promise<BenchedSymbolon>;
  peer(name: string, env?: Record<string, string>): Promise<Peer>;
  /** A Redis of our own on the other core. */
  redis(): Promise<string>;
  /** Ended with the rest. */
  keep(started: Started): void;
  onEnd(end: () => Promise<void>): void;
}

/** Builds the service unless `built` says where it is, starts the backend, and ends all that `run` started. */
export async function withStage(
  built: string | undefined,
  run: (stage: Stage) => Promise<void>,
): Promise<void> {
  const ends: (() => Promise<void>)[] = [];
  const keep = (started: Started) => void ends.push(() => stop(started));
  const program = async (name: string, env: Record<string, string>, core: number): Promise<Peer> => {
    const started = await start([peerFile(name)], { core, env, ready: (line) => line.startsWith('{') });
    keep(started);
    const said = JSON.parse(started.line) as Omit<Peer, 'started' | 'url'> & { address: { port: number } };
    return { ...said, started, url: `http://127.0.0.1:${said.address.port}` };
  };
  try {
    const launcher = join(built ?? buildService(), 'bin/symbolon.mjs');
    const { url: backendUrl } = await program('backend', {}, OTHER_CORE);
    let redisUrl: string | undefined;
    await run({
      backendUrl,
      symbolon: async (options) => {
        const one = await startSymbolon({ launcher, backendUrl, core: SERVER_CORE, ...options });
        keep(one.started);
        return one;
      },
      peer: (name, env) => program(name, { BACKEND_URL: backendUrl, ...env }, SERVER_CORE),
      redis: async () => {
        if (redisUrl !== undefined) return redisUrl;
        const server = await startRedis();
        ends.push(() => server.stop());
        isInstalled('taskset', ['-cp', String(OTHER_CORE), String(server.pid())]);
        return (redisUrl = server.url);
      },
      keep,
      onEnd: (end) => void ends.push(end),
    });
  } finally {
    // In turn, newest first: a service before what it depends on.
    for (const end of ends.reverse()) await end();
  }
}
