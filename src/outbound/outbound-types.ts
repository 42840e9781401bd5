/**
 * Outbound: the one way out over HTTP. It owns deadlines, size caps, the address guard and how our own credentials
 * are presented; it knows nothing of customers.
 */

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
  /** Refused, reset or not resolvable. */
  | 'unreachable'
  /** The address is one that we never call (link-local, metadata). */
  | 'refused_address'
  /** More bytes than the cap. */
  | 'too_large'
  /** Not HTTP, cut short, or compressed although we asked for identity. */
  | 'protocol'
  /** Our own credentials for this destination could not be had. */
  | 'no_credentials';

/** Carries the kind of failure and where to, nothing of the request: those hold credentials. */
export class OutboundError extends Error {
  readonly failure: OutboundFailure;
  readonly origin: string;

  constructor(failure: OutboundFailure, origin: string) {
    super(`${failure} at ${origin}`);
    this.name = 'OutboundError';
    this.failure = failure;
    this.origin = origin;
  }
}

export interface DestinationLimits {
  /** Default 1,000. */
  connectTimeoutMs: number;
  /** From the call to the last byte of the answer. Default 5,000. */
  totalTimeoutMs: number;
  /** Default 262,144. */
  maxResponseBytes: number;
  /** Connections kept open to this destination at most. Default 32. */
  maxConnections: number;
}

/** One origin (with an optional base path) that the configuration names. Redirects are answers, never followed. */
export interface Destination {
  readonly origin: string;
  /** The hot path: straight to the connection pool. Throws `OutboundError`. */
  send(request: OutboundRequest, options?: { totalTimeoutMs?: number }): Promise<OutboundResponse>;
}

export interface HttpClient {
  /** Throws `StartRefused` when the address is not one that we may call. */
  destination(baseUrl: string, limits?: Partial<DestinationLimits>): Destination;
  /** Cold calls (token fetches, log-in APIs) by axios over the same pools and guards. Throws `OutboundError`. */
  request(
    destination: Destination,
    request: OutboundRequest,
    options?: { totalTimeoutMs?: number },
  ): Promise<OutboundResponse>;
  close(): Promise<void>;
}

/** How one kind of our own credentials is presented to a destination. */
export interface OutboundAuth {
  /** Headers to add. Throws `OutboundError('no_credentials')`. */
  authorise(): Promise<Record<string, string>> | Record<string, string>;
  /**
   * The destination answered 401 to a call that carried `headers`. True when new credentials are worth one retry;
   * a call that carried older credentials than are held now costs no second fetch.
   */
  onRejected(headers: Record<string, string>): boolean;
}
