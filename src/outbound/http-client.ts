import { lookup as systemLookup } from 'node:dns/promises';
import type { AxiosInstance } from 'axios';
import { type Clock, systemClock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import type { Tracing } from '../platform/tracing.ts';
import { guardBaseUrl } from './address-guard.ts';
import { type ConnectionPool, createConnectionPool } from './connection-pool.ts';
import { createConnector, type ResolveHost } from './connector.ts';
import { createDestination } from './destination.ts';
import {
  type Destination,
  type DestinationLimits,
  type HttpClient,
  OutboundError,
  type OutboundResponse,
} from './outbound-types.ts';

const DEFAULT_LIMITS: DestinationLimits = {
  connectTimeoutMs: 1_000,
  totalTimeoutMs: 5_000,
  maxResponseBytes: 262_144,
  maxConnections: 32,
  breakerFailures: 10,
};

const CLOSE_GRACE_MS = 2_000;

export interface HttpClientDeps {
  /** Default: the operating system's resolver. */
  resolveHost?: ResolveHost;
  /** Default: the system's. */
  clock?: Clock;
  /** Told when a circuit opens and closes. */
  logger?: Logger;
  /** Makes a span of every call. Default: none are made. */
  tracing?: Tracing | undefined;
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

/** The same destination, each call a span under the name of the configuration. */
function traced(made: Destination, tracing: Tracing | undefined): Destination {
  if (!tracing) return made;
  const name = made.name.endsWith('/token') ? 'token fetch' : 'outbound call';
  const attributes = { 'symbolon.destination': made.name };
  return {
    ...made,
    send: (request, options) =>
      tracing.span(name, { attributes, kind: 'client' }, async (span) => {
        const response = await made.send(request, options);
        span.set({ 'http.response.status_code': response.status });
        return response;
      }),
  };
}

/** The one door out over HTTP. No environment proxies, no redirects followed, no retries. */
export function createHttpClient(deps: HttpClientDeps = {}): HttpClient {
  const resolveHost = deps.resolveHost ?? ((hostname) => systemLookup(hostname, { all: true }));
  const clock = deps.clock ?? systemClock;
  const pools: ConnectionPool[] = [];
  const destinations: Destination[] = [];
  let axios: Promise<AxiosInstance> | undefined;

  const destination: HttpClient['destination'] = (baseUrl, options = {}) => {
    const { allowInsecureHttp, setting = 'base URL', name, tls, ...limits } = options;
    const base = guardBaseUrl(baseUrl, setting, allowInsecureHttp);
    const bounds = { ...DEFAULT_LIMITS, ...limits };
    const connect = createConnector(base, { timeoutMs: bounds.connectTimeoutMs, resolveHost, tls });
    const { maxConnections } = bounds;
    const pool = createConnectionPool({ authority: new URL(base.origin).host, connect, maxConnections });
    pools.push(pool);
    const own = createDestination({
      name: name ?? base.origin,
      base,
      limits: bounds,
      clock,
      pool,
      onChange: (state, lane) => {
        if (state === 'half_open') return;
        const event = state === 'open' ? 'outbound.circuit_opened' : 'outbound.circuit_closed';
        const whose = lane === undefined ? {} : { lane };
        deps.logger?.log(state === 'open' ? 'warn' : 'info', { event, url: base.origin, ...whose });
      },
    });
    const made = traced(own, deps.tracing);
    destinations.push(made);
    return made;
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

  const closePool = async (pool: ConnectionPool) => {
    const timer = setTimeout(() => pool.destroy(), CLOSE_GRACE_MS);
    await pool.close();
    clearTimeout(timer);
  };
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => (closed ??= Promise.all(pools.map(closePool)).then(() => {}));
  return { destinations, destination, request, close };
}
