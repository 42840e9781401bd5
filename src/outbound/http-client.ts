import { lookup as systemLookup } from 'node:dns/promises';
import type { LookupFunction } from 'node:net';
import { callbackify } from 'node:util';
import type { AxiosInstance } from 'axios';
import { buildConnector, Pool } from 'undici';
import { type GuardedBase, guardBaseUrl, mayCallAddress } from './address-guard.ts';
import { createExchange, REFUSED_ADDRESS } from './exchange.ts';
import {
  type Destination,
  type DestinationLimits,
  type HttpClient,
  OutboundError,
  type OutboundFailure,
  type OutboundRequest,
  type OutboundResponse,
  type SendOptions,
} from './outbound-types.ts';

const DEFAULT_LIMITS: DestinationLimits = {
  connectTimeoutMs: 1_000,
  totalTimeoutMs: 5_000,
  maxResponseBytes: 262_144,
  maxConnections: 32,
};

/** Calls that may wait for each connection before further ones are turned away. */
const WAITING_PER_CONNECTION = 32;
const CLOSE_GRACE_MS = 2_000;

/** All addresses of a host name. */
export type ResolveHost = (hostname: string) => Promise<{ address: string; family: number }[]>;

export interface HttpClientDeps {
  /** Default: the operating system's resolver. */
  resolveHost?: ResolveHost;
}

function errorWithCode(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(code), { code });
}

/**
 * Resolves a name and hands the socket only addresses that passed the guard, so that what was checked is what is
 * called: a name that answers differently the second time (DNS rebinding) gains nothing.
 */
function guardedLookup(resolveHost: ResolveHost, loopbackOnly: boolean): LookupFunction {
  const allowed = async (hostname: string) => {
    const addresses = await resolveHost(hostname);
    if (addresses.some(({ address }) => !mayCallAddress(address, loopbackOnly))) {
      throw errorWithCode(REFUSED_ADDRESS);
    }
    const [first] = addresses;
    if (!first) throw errorWithCode('ENOTFOUND');
    return { addresses, first };
  };
  const resolve = callbackify(allowed);
  return (hostname, options, callback) => {
    resolve(hostname, (error, found) => {
      if (error) callback(error, '');
      else if (options.all) callback(null, found.addresses);
      else callback(null, found.first.address, found.first.family);
    });
  };
}

/** Connects within `timeoutMs`, name look-up and TLS included; undici's own timer may be half a second late. */
function guardedConnector(base: GuardedBase, timeoutMs: number, resolveHost: ResolveHost) {
  const connect = buildConnector({
    allowH2: false,
    minVersion: 'TLSv1.2',
    timeout: timeoutMs,
    autoSelectFamily: true,
    lookup: guardedLookup(resolveHost, base.loopbackOnly),
  });
  const connector: buildConnector.connector = (options, callback) => {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      callback(errorWithCode('ETIMEDOUT'), null);
    }, timeoutMs);
    connect(options, (...result) => {
      clearTimeout(timer);
      if (late) result[1]?.destroy();
      else callback(...result);
    });
  };
  return connector;
}

function createDestination(base: GuardedBase, limits: DestinationLimits, pool: Pool): Destination {
  const { origin, basePath } = base;
  const maxWaiting = limits.maxConnections * WAITING_PER_CONNECTION;
  let running = 0;
  // A call whose deadline passes while it waits leaves without having touched a connection.
  const waiting = new Set<() => void>();

  const release = () => {
    const next = waiting.values().next();
    if (next.done) {
      running -= 1;
      return;
    }
    waiting.delete(next.value);
    next.value();
  };

  const send = (request: OutboundRequest, options?: SendOptions) =>
    new Promise<OutboundResponse>((resolve, reject) => {
      if (running >= limits.maxConnections && waiting.size >= maxWaiting) {
        reject(new OutboundError('busy', origin));
        return;
      }
      const done = (result: OutboundResponse | OutboundFailure, cause?: string) => {
        clearTimeout(timer);
        if (!waiting.delete(start)) release();
        if (typeof result === 'string') reject(new OutboundError(result, origin, cause));
        else resolve(result);
      };
      const exchange = createExchange(limits.maxResponseBytes, done);
      const start = () => {
        const headers = { ...request.headers, 'accept-encoding': 'identity', 'user-agent': 'symbolon' };
        const path = basePath + request.path;
        pool.dispatch(
          { path, method: request.method, headers, body: request.body ?? null },
          exchange.handler,
        );
      };
      const deadlineMs = options?.totalTimeoutMs ?? limits.totalTimeoutMs;
      const timer = setTimeout(() => exchange.abandon('timeout'), deadlineMs);
      if (!request.path.startsWith('/')) {
        // undici would take an absolute URL here.
        running += 1;
        exchange.abandon('protocol');
      } else if (running < limits.maxConnections) {
        running += 1;
        start();
      } else waiting.add(start);
    });
  return { origin, send };
}

function lowerCased(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

/** Axios reduced to what we want of it; what it sends goes through the adapter, so its own transport is never used. */
async function createAxios(): Promise<AxiosInstance> {
  const { default: axios } = await import('axios');
  return axios.create({
    proxy: false,
    maxRedirects: 0,
    responseType: 'arraybuffer',
    transformRequest: [],
    transformResponse: [],
    validateStatus: () => true,
  });
}

/** The one door out over HTTP. No environment proxies, no redirects followed, no retries. */
export function createHttpClient(deps: HttpClientDeps = {}): HttpClient {
  const resolveHost = deps.resolveHost ?? ((hostname) => systemLookup(hostname, { all: true }));
  const pools: Pool[] = [];
  let axios: Promise<AxiosInstance> | undefined;

  const destination: HttpClient['destination'] = (baseUrl, options = {}) => {
    const { allowInsecureHttp, setting = 'base URL', ...limits } = options;
    const base = guardBaseUrl(baseUrl, setting, allowInsecureHttp);
    const bounds = { ...DEFAULT_LIMITS, ...limits };
    const pool = new Pool(base.origin, {
      connections: bounds.maxConnections,
      pipelining: 1,
      // Our own deadline covers the whole call; the pool's timers would only repeat it.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: guardedConnector(base, bounds.connectTimeoutMs, resolveHost),
      useMilo: false,
    });
    pools.push(pool);
    return createDestination(base, bounds, pool);
  };

  const request: HttpClient['request'] = async (target, outbound, options) => {
    axios ??= createAxios();
    try {
      const client = await axios;
      let received: OutboundResponse | undefined;
      await client.request({
        url: `${target.origin}${outbound.path}`,
        method: outbound.method,
        headers: outbound.headers,
        data: outbound.body,
        adapter: async (config) => {
          // Axios drops line breaks from header values in silence; what was asked is what is sent, or refused.
          const headers = { ...lowerCased(config.headers.toJSON(true)), ...outbound.headers };
          received = await target.send({ ...outbound, headers }, options);
          const { status, headers: answered, body } = received;
          return { status, statusText: '', headers: answered, data: body, config };
        },
      });
      if (!received) throw new OutboundError('protocol', target.origin);
      return received;
    } catch (error) {
      // An axios error holds the request, its credentials included: it ends here.
      if (error instanceof OutboundError) throw error;
      throw new OutboundError('protocol', target.origin);
    }
  };

  const closePool = async (pool: Pool) => {
    let timer: NodeJS.Timeout | undefined;
    const cutOff = new Promise<void>((resolve) => {
      timer = setTimeout(() => resolve(pool.destroy()), CLOSE_GRACE_MS);
    });
    await Promise.race([pool.close(), cutOff]);
    clearTimeout(timer);
  };
  const close = async () => {
    await Promise.all(pools.map(closePool));
  };
  return { destination, request, close };
}
