/**
 * Outbound: the one way out over HTTP. It owns deadlines, size caps, the address guard and how our own credentials
 * are presented; it knows nothing of customers.
 */
import type { SecureContext } from 'node:tls';
import type { z } from 'zod';
import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import type { Metrics } from '../platform/metrics.ts';
import type { CircuitState } from './circuit-breaker.ts';
import type { OutboundGrantStore } from './outbound-grant.ts';
import type { OutboundVault, TokenShare } from './token-share.ts';

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
  /** Not asked: the last calls failed, and it is tried again in a moment. */
  | 'circuit_open'
  /** Not asked: it told us to wait (429 or 503 with a time). */
  | 'paused'
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
  /** Milliseconds until another try makes sense, where that is known. */
  readonly retryAfterMs: number | undefined;

  constructor(failure: OutboundFailure, origin: string, detail?: string, retryAfterMs?: number) {
    super(detail === undefined ? `${failure} at ${origin}` : `${failure} at ${origin}: ${detail}`);
    this.name = 'OutboundError';
    this.failure = failure;
    this.origin = origin;
    this.detail = detail;
    this.retryAfterMs = retryAfterMs;
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
  /** Failures within ten seconds that open the circuit, if they are at least half of the calls. Default 10. */
  breakerFailures: number;
}

export interface DestinationOptions extends Partial<DestinationLimits> {
  /** Plain http is for loopback alone, unless this says otherwise. Default false. */
  allowInsecureHttp?: boolean | undefined;
  /** Name of the setting that held the address, for the sentence that refuses the start. */
  setting?: string;
  /** For metrics and the log, from a closed set. Default: the origin. */
  name?: string;
  /** Our own certificate and the authorities that vouch for the other side. Default: none, and the system's. */
  tls?: SecureContext | undefined;
}

export interface SendOptions {
  /** Shorter or longer than the destination's own, for this call. */
  totalTimeoutMs?: number | undefined;
  /** Goes out although the destination asked for a pause: the call has waited it out, or is not what it was about. */
  ignoresPause?: boolean | undefined;
  /** Whose call it is: lanes take turns, and where there are several none holds all connections. Default: nobody's. */
  lane?: string | undefined;
  /** Others call there, too, and what one of them makes fail is no reason to stop the rest. Needs `lane`. Default false. */
  sharesWithOthers?: boolean | undefined;
  /** Ends the call at once, as if its time were up. */
  signal?: AbortSignal | undefined;
}

/** How a call ended, for counting. */
export type CallOutcome =
  | 'status_1xx'
  | 'status_2xx'
  | 'status_3xx'
  | 'status_4xx'
  | 'status_5xx'
  | OutboundFailure;

/** A destination as it is at the moment; counts begin with the process. */
export interface DestinationStatus {
  name: string;
  origin: string;
  circuit: CircuitState;
  /** Until the next trial; 0 unless open. */
  circuitOpenForMs: number;
  circuitOpened: number;
  /** What is left of the pause that it asked for. */
  pausedForMs: number;
  /** Calls under way, and calls in line for a connection. */
  running: number;
  waiting: number;
  maxRunning: number;
  maxWaiting: number;
  /** Connections made; calls beyond them used one again. */
  connects: number;
  /** Time of all calls together. */
  callMs: number;
  /** Answers 401 and 403: usually our credentials or their rights; at a log-in API also a wrong password. */
  refused: number;
  outcomes: ReadonlyMap<CallOutcome, number>;
  /** Unix milliseconds. */
  lastFailure: { reason: OutboundFailure | `status_${number}`; atMs: number } | undefined;
}

/** One origin (with an optional base path) that the configuration names. Redirects are answers, never followed. */
export interface Destination {
  readonly name: string;
  readonly origin: string;
  /** The hot path: straight to the connection pool. Throws `OutboundError`. */
  send(request: OutboundRequest, options?: SendOptions): Promise<OutboundResponse>;
  /** Lets no call out for this long; of two pauses the later end holds. */
  pause(ms: number): void;
  status(): DestinationStatus;
}

export interface HttpClient {
  /** Every destination made so far. */
  readonly destinations: readonly Destination[];
  /** Throws `StartRefused` when the address is not one that we may call. */
  destination(baseUrl: string, options?: DestinationOptions): Destination;
  /** Cold calls (token fetches, log-in APIs) by axios over the same pools and guards. Throws `OutboundError`. */
  request(
    destination: Destination,
    request: OutboundRequest,
    options?: SendOptions,
  ): Promise<OutboundResponse>;
  /** Lets calls under way end for two seconds, then cuts them off. Safe to call twice. */
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
  /** Of schemes that hold a token. */
  status?(): TokenStatus;
  /** Of schemes that rest on a grant that a person gives in a browser. */
  connector?: GrantConnector;
}

/** Gets the grant of a person at the other side: `addressFor` is opened in a browser, `finish` takes what comes back. */
export interface GrantConnector {
  /** RFC 6749 section 4.1.1 with PKCE, S256 (RFC 7636). */
  addressFor(request: { redirectUri: string; state: string; challenge: string }): string;
  /** Whether there is a grant. Throws `OutboundError` when the database cannot be asked. */
  state(): Promise<'connected' | 'missing' | 'dead'>;
  /** Exchanges the code and keeps the grant. Throws `OutboundError`. */
  finish(answer: { code: string; redirectUri: string; verifier: string }): Promise<void>;
}

/** A token of ours as it is at the moment; never the token itself. */
export interface TokenStatus {
  /** Origin of the token endpoint. */
  endpoint: string;
  /** Whether there is one that serves. */
  held: boolean;
  /** Unix milliseconds. */
  endsAtMs: number | undefined;
  renewing: boolean;
  /** Of all processes this one is fetching the next. */
  holdsLease: boolean;
  /** A sentence of our own; `undefined` after a success. */
  lastFailure: string | undefined;
  /** Of grants that a person gives in a browser: `missing` and `dead` ones want `connections connect`. */
  grant?: 'connected' | 'missing' | 'dead';
}

export interface OutboundAuthDeps {
  httpClient: HttpClient;
  clock: Clock;
  metrics: Metrics;
  logger: Logger;
  /** Name of the connection that the credentials belong to. */
  connection: string;
  allowInsecureHttp: boolean;
  /** TLS towards the token endpoint. */
  tls?: SecureContext | undefined;
  /** Where several processes share their tokens; needs `vault`. */
  tokenShare?: TokenShare | undefined;
  /** Seals what is kept outside this process. */
  vault?: OutboundVault | undefined;
  /** Where the grants of the authorization-code scheme are kept; needs `vault`. */
  grants?: OutboundGrantStore | undefined;
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
