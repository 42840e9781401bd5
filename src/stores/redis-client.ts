/** Clients of the `redis` package for each kind of address, with the same short waits. */
import { createClient, createCluster, createSentinel } from 'redis';
import { StartRefused } from '../errors.ts';
import { parseRedisAddress, type RedisAddress } from './redis-address.ts';

/** Longest wait for a reply; milliseconds. */
export const COMMAND_TIMEOUT_MS = 300;
const CONNECT_TIMEOUT_MS = 1_000;
const MAX_RECONNECT_PAUSE_MS = 2_000;
/** Beyond this many commands without a reply further ones fail at once. */
const MAX_WAITING_COMMANDS = 10_000;
/** Sentinels are asked this often who the primary is; milliseconds. */
const SENTINEL_SCAN_MS = 1_000;
/** A command that fails by a change of the primary is sent again this often at most, within its deadline. */
const REDISCOVERS = 4;

/** Doubles from 50 ms up to two seconds; a random part keeps a fleet from coming back in step. */
export function reconnectPauseMs(attempt: number): number {
  const full = Math.min(50 * 2 ** Math.min(attempt, 10), MAX_RECONNECT_PAUSE_MS);
  return Math.round(full * (0.5 + Math.random() / 2));
}

// A server that accepts and then says nothing is found out by `socketTimeout` while connecting, and by the deadlines of
// `redis.ts` afterwards: once connected the pings reset the former.
const SOCKET = {
  connectTimeout: CONNECT_TIMEOUT_MS,
  socketTimeout: 5_000,
  reconnectStrategy: reconnectPauseMs,
} as const;

const COMMON = {
  disableOfflineQueue: true,
  commandsQueueMaxLength: MAX_WAITING_COMMANDS,
  pingInterval: 1_000,
} as const;

const commandOptions = { timeout: COMMAND_TIMEOUT_MS };

// The client's own time-out ends with the writing of a command, which with one server is at once, and it makes an abort
// signal for each command, which costs more than the command itself. The deadlines of `redis.ts` hold without it.
const openServer = (url: string) =>
  createClient({ ...COMMON, url, commandOptions: { timeout: 0 }, socket: SOCKET });

/** The commands of one server; a cluster and a primary behind sentinels take the same. */
export type RedisClient = ReturnType<typeof openServer>;

function openCluster({ nodes, tls, account }: RedisAddress & { kind: 'cluster' }) {
  const secured = tls ? { tls: true as const } : {};
  return createCluster({
    rootNodes: nodes.map(({ host, port }) => ({ socket: { ...SOCKET, ...secured, host, port } })),
    defaults: { ...COMMON, ...account, socket: { ...SOCKET, ...secured } },
    commandOptions,
  });
}

function openSentinel(address: RedisAddress & { kind: 'sentinel' }) {
  const secured = address.tls ? { tls: true as const } : {};
  const socket = { ...SOCKET, ...secured };
  return createSentinel({
    name: address.primary,
    sentinelRootNodes: address.nodes,
    nodeClientOptions: { ...COMMON, ...address.account, socket },
    sentinelClientOptions: { ...COMMON, ...address.sentinelAccount, socket },
    commandOptions,
    scanInterval: SENTINEL_SCAN_MS,
    maxCommandRediscovers: REDISCOVERS,
    passthroughClientErrorEvents: true,
  });
}

export interface OpenedClient {
  client: RedisClient;
  /** Whether the keys of one script must lie in one slot. */
  clustered: boolean;
  /** Tries once; a client of one server goes on trying by itself. */
  connect(): Promise<unknown>;
  destroy(): void;
}

/** Makes a client that is not connected yet. Throws `StartRefused` when the address cannot be read. */
export function openRedisClient(text: string, onError: (error: unknown) => void): OpenedClient {
  const address = parseRedisAddress(text);
  try {
    if (address) {
      const client =
        address.kind === 'server'
          ? openServer(address.url)
          : address.kind === 'cluster'
            ? openCluster(address)
            : openSentinel(address);
      client.on('error', onError);
      return {
        // The commands that are used here have the same names and answers in all three.
        client: client as unknown as RedisClient,
        clustered: address.kind === 'cluster',
        connect: () => client.connect(),
        destroy: () => {
          try {
            Promise.resolve(client.destroy()).catch(() => {});
          } catch {
            // It was closed already.
          }
        },
      };
    }
  } catch {
    // The cause would quote the address, and with it the password.
  }
  throw new StartRefused(
    'REDIS_URL is not an address that Redis takes (redis://…, rediss://…, redis+cluster://… or redis+sentinel://…)',
  );
}
