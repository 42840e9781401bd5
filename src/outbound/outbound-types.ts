/**
 * Outbound: the one way out over HTTP. It owns deadlines, size caps, the address guard and how our own credentials
 * are presented; it knows nothing of customers.
 */
import type { z } from 'zod';
import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import type { Metrics } from '../platform/metrics.ts';

export interface OutboundRequest {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Path and query below the destination's base URL, already encoded. */
  path: string;
  /** Lower-case names. */
  headers: Record<string, string>;
  body?: string | Buffer | undefined;
}

export interface OutboundResponse {
  status: number;
  /** Lower-case names; of repeated headers the values joined with a comma. */
  headers: Record<string, string>;
  /** At most the destination's size cap, never decompressed further. */
  body: Buffer;
}

export type OutboundFailure =
  /** No whole answer within the deadline. */
  | 'timeout'
  /** Refused, reset, not resolvable, or no connection within the connect timeout. */
  | 'unreachable'
  /** The peer's TLS certificate is not one that we trust for this host. */
  | 'untrusted'
  /** The address is one that we never call (link-local, metadata). */
  | 'refused_address'
  /** More bytes than the cap. */
  | 'too_large'
  /** Not HTTP in either direction, cut short, or compressed although we asked for identity. */
  | 'protocol'
  /** More calls at once than may wait for a connection to this destination. */
  | 'busy'
  /** Our own credentials for this destination could not be had. */
  | 'no_credentials';

/**
 * Carries the kind of failure and where to, nothing of the request or the answer: those hold credentials.
 * `detail` is a sentence of our own making, for the operator.
 */
export class OutboundError extends Error {
  readonly failure: OutboundFailure;
  readonly origin: string;
  readonly detail: string | undefined;

  constructor(failure: OutboundFailure, origin: string, detail?: string) {
    super(detail === undefined ? `${failure} at ${origin}` : `${failure} at ${origin}: ${detail}`);
    this.name = 'OutboundError';
    this.failure = failure;
    this.origin = origin;
    this.detail = detail;
  }
}

export interface DestinationLimits {
  /** Name look-up, connection and TLS together. Default 1,000. */
  connectTimeoutMs: number;
  /** From the call to the last byte of the answer. Default 5,000. */
  totalTimeoutMs: number;
  /** Default 262,144. */
  maxResponseBytes: number;
  /** Connections kept open to this destination at most. Default 32. */
  maxConnections: number;
}

export interface DestinationOptions extends Partial<DestinationLimits> {
  /** Plain http is for loopback alone, unless this says otherwise. Default false. */
  allowInsecureHttp?: boolean | undefined;
  /** Name of the setting that held the address, for the sentence that refuses the start. */
  setting?: string;
}

export interface SendOptions {
  /** Shorter or longer than the destination's own, for this call. */
  totalTimeoutMs?: number | undefined;
}

/** One origin (with an optional base path) that the configuration names. Redirects are answers, never followed. */
export interface Destination {
  readonly origin: string;
  /** The hot path: straight to the connection pool. Throws `OutboundError`. */
  send(request: OutboundRequest, options?: SendOptions): Promise<OutboundResponse>;
}

export interface HttpClient {
  /** Throws `StartRefused` when the address is not one that we may call. */
  destination(baseUrl: string, options?: DestinationOptions): Destination;
  /** Cold calls (token fetches, log-in APIs) by axios over the same pools and guards. Throws `OutboundError`. */
  request(
    destination: Destination,
    request: OutboundRequest,
    options?: SendOptions,
  ): Promise<OutboundResponse>;
  /** Lets calls under way end for two seconds, then cuts them off. */
  close(): Promise<void>;
}

/** Where a request goes, as its receiver knows itself. */
export interface SigningTarget {
  /** Host, and port unless it is the scheme's own. */
  authority: string;
  /** Path of the base URL, which stands before the request's own. */
  basePath: string;
}

/** How one kind of our own credentials is presented to a destination. */
export interface OutboundAuth {
  /** Headers to add, lower-case names. Waits at most `timeoutMs`. Throws `OutboundError('no_credentials')`. */
  authorise(options: { timeoutMs: number }): Promise<Record<string, string>> | Record<string, string>;
  /** Headers that sign the request as it stands, with everything else on it. Asked anew for every attempt. */
  sign?(request: OutboundRequest, target: SigningTarget): Record<string, string>;
  /**
   * The destination refused (401) a call that carried `headers`. True when new credentials are worth one retry;
   * a call that carried older credentials than are held now costs no second fetch.
   */
  onRejected(headers: Record<string, string>): boolean;
}

export interface OutboundAuthDeps {
  httpClient: HttpClient;
  clock: Clock;
  metrics: Metrics;
  logger: Logger;
  /** Name of the connection that the credentials belong to. */
  connection: string;
  allowInsecureHttp: boolean;
}

/** An outbound auth scheme: one file, and one line in `outbound/registry.ts`. */
export interface OutboundAuthScheme<Schema extends z.ZodType<{ type: string }>> {
  readonly type: z.infer<Schema>['type'];
  readonly optionsSchema: Schema;
  /** Lower-case names of the headers that it sets; no two schemes of a connection may set the same. */
  headerNames(options: z.infer<Schema>): string[];
  /** Throws `StartRefused` for an address that we may not call. */
  create(options: z.infer<Schema>, deps: OutboundAuthDeps): OutboundAuth;
}
