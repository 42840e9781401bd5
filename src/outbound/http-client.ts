import { lookup as systemLookup } from 'node:dns/promises';
import type { LookupFunction } from 'node:net';
import { callbackify } from 'node:util';
import type { AxiosInstance } from 'axios';
import { buildConnector, Pool } from 'undici';
import { type Clock, systemClock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import type { Tracing } from '../platform/tracing.ts';
import { type GuardedBase, guardBaseUrl, isInsideAddress, mayCallAddress } from './address-guard.ts';
import { createDestination } from './destination.ts';
import { MOVED_INSIDE, REFUSED_ADDRESS } from './exchange.ts';
import {
  type ClientTls,
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

/** All addresses of a host name. */
export type ResolveHost = (hostname: string) => Promise<{ address: string; family: number }[]>;

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

function errorWithCode(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(code), { code });
}

/**
 * Resolves a name and hands the socket only addresses that passed the guard, so that what was checked is what is
 * called: a name that answers differently the second time (DNS rebinding) gains nothing. A name that was public when
 * it was first resolved may not lead into a network of our own later; only a restart learns anew.
 */
function guardedLookup(resolveHost: ResolveHost, loopbackOnly: boolean): LookupFunction {
  let wasPublic: boolean | undefined;
  const allowed = async (hostname: string) => {
    const addresses = await resolveHost(hostname);
    if (addresses.some(({ address }) => !mayCallAddress(address, loopbackOnly))) {
      throw errorWithCode(REFUSED_ADDRESS);
    }
    const [first] = addresses;
    if (!first) throw errorWithCode('ENOTFOUND');
    const leadsInside = addresses.some(({ address }) => isInsideAddress(address));
    if (wasPublic === true && leadsInside) throw errorWithCode(MOVED_INSIDE);
    wasPublic ??= !leadsInside;
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

interface ConnectorOptions {
  timeoutMs: number;
  resolveHost: ResolveHost;
  tls: ClientTls | undefined;
  onConnect(): void;
}

/** Connects within `timeoutMs`, name look-up and TLS included; undici's own timer may be half a second late. */
function guardedConnector(
  base: GuardedBase,
  { timeoutMs, resolveHost, tls, onConnect }: ConnectorOptions,
): buildConnector.connector {
  const connect = buildConnector({
    allowH2: false,
    minVersion: 'TLSv1.2',
    timeout: timeoutMs,
    autoSelectFamily: true,
    lookup: guardedLookup(resolveHost, base.loopbackOnly),
    ...tls,
  });
  return (options, callback) => {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      callback(errorWithCode('ETIMEDOUT'), null);
    }, timeoutMs);
    connect(options, (...result) => {
      clearTimeout(timer);
      if (late) {
        result[1]?.destroy();
        return;
      }
      if (result[1]) onConnect();
      callback(...result);
    });
  };
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
  const pools: Pool[] = [];
  const destinations: Destination[] = [];
  let axios: Promise<AxiosInstance> | undefined;

  const destination: HttpClient['destination'] = (baseUrl, options = {}) => {
    const { allowInsecureHttp, setting = 'base URL', name, tls, ...limits } = options;
    const base = guardBaseUrl(baseUrl, setting, allowInsecureHttp);
    const bounds = { ...DEFAULT_LIMITS, ...limits };
    let connects = 0;
    const pool = new Pool(base.origin, {
      connections: bounds.maxConnections,
      pipelining: 1,
      // Else the pool tries one connection at a time until it knows which protocol the other side speaks.
      allowH2: false,
      // Our own deadline covers the whole call; the pool's timers would only repeat it.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: guardedConnector(base, {
        timeoutMs: bounds.connectTimeoutMs,
        resolveHost,
        tls,
        onConnect: () => (connects += 1),
      }),
      useMilo: false,
    });
    pools.push(pool);
    const own = createDestination({
      name: name ?? base.origin,
      base,
      limits: bounds,
      clock,
      dispatch: (request, handler) => pool.dispatch(request, handler),
      connects: () => connects,
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

  const closePool = async (pool: Pool) => {
    let timer: NodeJS.Timeout | undefined;
    const cutOff = new Promise<void>((resolve) => {
      timer = setTimeout(() => resolve(pool.destroy()), CLOSE_GRACE_MS);
    });
    await Promise.race([pool.close(), cutOff]);
    clearTimeout(timer);
  };
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => (closed ??= Promise.all(pools.map(closePool)).then(() => {}));
  return { destinations, destination, request, close };
}
