/**
 * Connections: named credentials and limits towards one backend or partner API. This room puts our credentials on a
 * request and renews them once when they are refused; it does not know what the calls are about. Used by
 * authenticators and backends.
 */
import { z } from 'zod';
import {
  type OutboundAuth,
  type OutboundAuthDeps,
  OutboundError,
  type OutboundRequest,
  type OutboundResponse,
} from '../outbound/outbound-types.ts';
import { authHeaderNames, authSchema, createOutboundAuth } from '../outbound/registry.ts';

/** One entry of `connections` in the configuration. Limits may be tightened, not widened (ASVS 13.2.6). */
export const connectionSchema = z.strictObject({
  base_url: z.string(),
  /** Plain http to other hosts than loopback, for closed networks. */
  allow_insecure_http: z.boolean().default(false),
  connect_timeout_ms: z.int().min(10).max(1_000).default(1_000),
  /** From the call to the last byte, credentials and a retry included. */
  total_timeout_ms: z.int().min(10).max(5_000).default(5_000),
  max_response_bytes: z.int().min(1_024).max(262_144).default(262_144),
  max_connections: z.int().min(1).max(1_024).default(32),
  /** Our own credentials; all of them are presented. */
  auth: z
    .preprocess((written) => (written === null ? [] : written), z.array(authSchema))
    .default([])
    .refine((schemes) => {
      const names = schemes.flatMap(authHeaderNames);
      return new Set(names).size === names.length;
    }, 'two entries set the same header'),
});

export type ConnectionOptions = z.infer<typeof connectionSchema>;

export interface CallOptions {
  /** For the whole call; default and upper bound are the connection's own. */
  totalTimeoutMs?: number;
  /** Whether an answer says that our own credentials were refused. Default: status 401. */
  refusesCredentials?: (response: OutboundResponse) => boolean;
}

export interface Connection {
  readonly name: string;
  readonly origin: string;
  /** Lower-case names of the headers that carry our credentials; nothing else may set them. */
  readonly authHeaders: ReadonlySet<string>;
  /** The hot path. Throws `OutboundError`. */
  send(request: OutboundRequest, options?: CallOptions): Promise<OutboundResponse>;
  /** For cold calls, by axios. Throws `OutboundError`. */
  request(request: OutboundRequest, options?: CallOptions): Promise<OutboundResponse>;
}

export type ConnectionDeps = Pick<OutboundAuthDeps, 'httpClient' | 'clock' | 'metrics' | 'logger'>;

const isUnauthorized = (response: OutboundResponse): boolean => response.status === 401;

type Transport = (request: OutboundRequest, options: { totalTimeoutMs: number }) => Promise<OutboundResponse>;

/** Throws `StartRefused`, naming the setting, for an address that we may not call. */
export function createConnection(name: string, options: ConnectionOptions, deps: ConnectionDeps): Connection {
  const { clock, httpClient } = deps;
  const destination = httpClient.destination(options.base_url, {
    setting: `connections.${name}.base_url`,
    allowInsecureHttp: options.allow_insecure_http,
    connectTimeoutMs: options.connect_timeout_ms,
    totalTimeoutMs: options.total_timeout_ms,
    maxResponseBytes: options.max_response_bytes,
    maxConnections: options.max_connections,
  });
  const { host, pathname } = new URL(options.base_url);
  const target = { authority: host, basePath: pathname.replace(/\/+$/, '') };
  const authDeps = { ...deps, connection: name, allowInsecureHttp: options.allow_insecure_http };
  const schemes: OutboundAuth[] = options.auth.map((entry) => createOutboundAuth(entry, authDeps));

  const credentials = async (timeoutMs: number): Promise<Record<string, string>> => {
    const merged: Record<string, string> = {};
    for (const scheme of schemes) {
      const headers = scheme.authorise({ timeoutMs });
      Object.assign(merged, headers instanceof Promise ? await headers : headers);
    }
    return merged;
  };
  /** Every scheme is told, so that none keeps what was refused. */
  const renewable = (refused: Record<string, string>): boolean =>
    schemes.map((scheme) => scheme.onRejected(refused)).includes(true);

  const call = async (transport: Transport, request: OutboundRequest, callOptions: CallOptions = {}) => {
    const totalMs = Math.min(
      callOptions.totalTimeoutMs ?? options.total_timeout_ms,
      options.total_timeout_ms,
    );
    const deadlineMs = clock.monotonicMs() + totalMs;
    const attempt = async () => {
      const held = await credentials(deadlineMs - clock.monotonicMs());
      const leftMs = deadlineMs - clock.monotonicMs();
      if (leftMs <= 0) throw new OutboundError('timeout', destination.origin);
      const headers = { ...request.headers, ...held };
      const ready = { ...request, headers };
      for (const scheme of schemes) Object.assign(headers, scheme.sign?.(ready, target));
      return { held, response: await transport(ready, { totalTimeoutMs: leftMs }) };
    };
    const first = await attempt();
    const refused = (callOptions.refusesCredentials ?? isUnauthorized)(first.response);
    if (!refused || !renewable(first.held)) return first.response;
    return (await attempt()).response;
  };

  return {
    name,
    origin: destination.origin,
    authHeaders: new Set(options.auth.flatMap(authHeaderNames)),
    send: (request, callOptions) =>
      call((outbound, limits) => destination.send(outbound, limits), request, callOptions),
    request: (request, callOptions) =>
      call((outbound, limits) => httpClient.request(destination, outbound, limits), request, callOptions),
  };
}
