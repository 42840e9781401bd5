/**
 * Connections: named credentials and limits towards one backend or partner API. This room puts our credentials on a
 * request and renews them once when they are refused; it does not know what the calls are about. Used by
 * authenticators and backends.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { clientTlsSetting, openClientTls } from '../outbound/client-tls.ts';
import { answerPathSetting, parseAnswerPath } from '../outbound/json-answer.ts';
import {
  type Destination,
  type DestinationStatus,
  type GrantConnector,
  type OutboundAuth,
  type OutboundAuthDeps,
  OutboundError,
  type OutboundRequest,
  type OutboundResponse,
  type SendOptions,
  type SigningTarget,
  type TokenStatus,
} from '../outbound/outbound-types.ts';
import { authHeaderNames, authSchema, createOutboundAuth } from '../outbound/registry.ts';
import { createRetryBudget, isIdempotent, isPassing, saysLater, statedPauseMs } from '../outbound/retry.ts';
import { randomFraction } from '../platform/random.ts';

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
  /** Failures within ten seconds that open the circuit, if they are at least half of the calls. */
  breaker_failures: z.int().min(1).max(1_000).default(10),
  /** Whether a call that may be repeated is, once, when the other side says "not now". */
  retry: z.boolean().default(true),
  /** Where the body of a 429 or 503 holds the seconds to wait, for interfaces without `Retry-After`. */
  retry_after_path: answerPathSetting.optional(),
  /** Mutual TLS, and authorities of the company's own. */
  tls: clientTlsSetting.optional(),
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

export interface CallOptions extends Pick<SendOptions, 'lane' | 'sharesWithOthers'> {
  /** For the whole call; default and upper bound are the connection's own. */
  totalTimeoutMs?: number;
  /** Whether an answer says that our own credentials were refused. Default: status 401. */
  refusesCredentials?: (response: OutboundResponse) => boolean;
  /** Whether the call may be sent twice. Default: by its method (RFC 9110 section 9.2.2). */
  idempotent?: boolean;
  /**
   * Whether a 429 speaks of all calls of this connection, so that the others wait, too. Default true; false for a
   * log-in API, which limits one customer, and for callers that keep to a limit themselves.
   */
  sharesLimit?: boolean;
  /** Ends the call at once, as if its time were up. */
  signal?: AbortSignal | undefined;
  /** Told of the headers that carry our own credentials, for every attempt. */
  onCredentials?: (headers: Readonly<Record<string, string>>) => void;
}

/** A connection as it is at the moment; holds no secret. */
export interface ConnectionStatus {
  name: string;
  destination: DestinationStatus;
  /** Calls that were repeated, and whole repeats that the budget allows now. */
  retries: number;
  retriesLeft: number;
  /** One entry for each credential that is a token. */
  tokens: TokenStatus[];
  /** End of our client certificate, Unix milliseconds. */
  certificateEndsAtMs: number | undefined;
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
  status(): ConnectionStatus;
  /** Where it rests on a grant that a person gives in a browser. */
  readonly connector: GrantConnector | undefined;
}

export type ConnectionDeps = Omit<OutboundAuthDeps, 'connection' | 'allowInsecureHttp' | 'tls'>;

const isUnauthorized = (response: OutboundResponse): boolean => response.status === 401;

type Transport = (request: OutboundRequest, options: SendOptions) => Promise<OutboundResponse>;

/** A repeat comes 20 to 100 ms later, or that much after the stated time, so that callers do not come back in step. */
const repeatDelayMs = (): number => 20 + randomFraction() * 80;
/** With less time left a repeat would only fail again. */
const LEAST_ATTEMPT_MS = 50;

/** What the waiting for a repeat rests on. */
interface RepeatDeps {
  clock: ConnectionDeps['clock'];
  /** Whether the connection repeats calls at all. */
  enabled: boolean;
}

/** Repeats within the deadline and the budget. */
function createRepeats({ clock, enabled }: RepeatDeps) {
  const budget = createRetryBudget();
  let repeated = 0;
  return {
    budget,
    repeated: () => repeated,
    /** Waits until a call may be repeated; `false`, at once, when it may not. */
    async turn(mayRepeat: boolean, deadlineMs: number, statedMs = 0): Promise<boolean> {
      if (!enabled || !mayRepeat) return false;
      const waitMs = statedMs + repeatDelayMs();
      if (clock.monotonicMs() + waitMs + LEAST_ATTEMPT_MS > deadlineMs || !budget.take()) return false;
      repeated += 1;
      await delay(waitMs);
      return true;
    },
  };
}

/** Headers that carry our credentials. */
type CredentialHeaders = Record<string, string>;
const NO_CREDENTIALS: CredentialHeaders = {};

interface CallerDeps {
  clock: ConnectionDeps['clock'];
  destination: Destination;
  schemes: readonly OutboundAuth[];
  target: SigningTarget;
  repeats: ReturnType<typeof createRepeats>;
  options: ConnectionOptions;
}

/** Sends a request with our credentials, and a second time where that makes sense: never a third time. */
function createCaller({ clock, destination, schemes, target, repeats, options }: CallerDeps) {
  const retryAfterPath =
    options.retry_after_path === undefined ? undefined : parseAnswerPath(options.retry_after_path);
  /** Asks one scheme after the other; awaits nothing while each has what it needs. */
  const credentials = (
    timeoutMs: number,
    merged: CredentialHeaders = {},
    from = 0,
  ): Promise<CredentialHeaders> | CredentialHeaders => {
    if (schemes.length === 0) return NO_CREDENTIALS;
    for (let i = from; i < schemes.length; i++) {
      const headers = (schemes[i] as OutboundAuth).authorise({ timeoutMs });
      if (headers instanceof Promise) {
        return headers.then((late) => credentials(timeoutMs, Object.assign(merged, late), i + 1));
      }
      Object.assign(merged, headers);
    }
    return merged;
  };
  /** The request with our credentials on it. */
  const withCredentials = (request: OutboundRequest, held: CredentialHeaders): OutboundRequest => {
    if (held === NO_CREDENTIALS) return request;
    const headers = { ...request.headers, ...held };
    const ready = { ...request, headers };
    for (const scheme of schemes) Object.assign(headers, scheme.sign?.(ready, target));
    return ready;
  };
  /** Every scheme is told, so that none keeps what was refused. */
  const renewable = (refused: Record<string, string>): boolean =>
    schemes.map((scheme) => scheme.onRejected(refused)).includes(true);
  /** The wait that an answer asks for; other calls keep to it, too. */
  const statedWaitMs = (response: OutboundResponse, how: CallOptions): number | undefined => {
    const statedMs = statedPauseMs(response, clock.nowMs(), retryAfterPath);
    if (statedMs !== undefined && how.sharesLimit !== false) destination.pause(statedMs);
    return statedMs;
  };

  return async (transport: Transport, request: OutboundRequest, how: CallOptions = {}) => {
    const totalMs = Math.min(how.totalTimeoutMs ?? options.total_timeout_ms, options.total_timeout_ms);
    const deadlineMs = clock.monotonicMs() + totalMs;
    const attempt = (held: CredentialHeaders, ignoresPause: boolean) => {
      const leftMs = deadlineMs - clock.monotonicMs();
      if (leftMs <= 0) throw new OutboundError('timeout', destination.origin);
      how.onCredentials?.(held);
      return transport(withCredentials(request, held), {
        totalTimeoutMs: leftMs,
        ignoresPause,
        signal: how.signal,
        lane: how.lane,
        sharesWithOthers: how.sharesWithOthers,
      });
    };
    const again = async () => {
      const response = await attempt(await credentials(deadlineMs - clock.monotonicMs()), true);
      if (saysLater(response)) statedWaitMs(response, how);
      return response;
    };
    const mayRepeat = how.idempotent ?? isIdempotent(request);
    repeats.budget.onCall();
    let response: OutboundResponse;
    let held: CredentialHeaders;
    try {
      const ready = credentials(totalMs);
      held = ready instanceof Promise ? await ready : ready;
      response = await attempt(held, how.sharesLimit === false);
    } catch (error) {
      if (isPassing(error) && (await repeats.turn(mayRepeat, deadlineMs))) return again();
      throw error;
    }
    if ((how.refusesCredentials ?? isUnauthorized)(response)) return renewable(held) ? again() : response;
    if (!saysLater(response)) return response;
    const waitMs = statedWaitMs(response, how);
    return (await repeats.turn(mayRepeat, deadlineMs, waitMs)) ? again() : response;
  };
}

/** Throws `StartRefused`, naming the setting, for an address that we may not call and for TLS material of no use. */
export function createConnection(name: string, options: ConnectionOptions, deps: ConnectionDeps): Connection {
  const { clock, httpClient } = deps;
  const opened = options.tls && openClientTls(options.tls, `connections.${name}.tls`);
  const shared = { allowInsecureHttp: options.allow_insecure_http, tls: opened?.tls };
  const destination = httpClient.destination(options.base_url, {
    ...shared,
    setting: `connections.${name}.base_url`,
    name,
    connectTimeoutMs: options.connect_timeout_ms,
    totalTimeoutMs: options.total_timeout_ms,
    maxResponseBytes: options.max_response_bytes,
    maxConnections: options.max_connections,
    breakerFailures: options.breaker_failures,
  });
  const { host, pathname } = new URL(options.base_url);
  const target = { authority: host, basePath: pathname.replace(/\/+$/, '') };
  const authDeps = { ...deps, ...shared, connection: name };
  const schemes: OutboundAuth[] = options.auth.map((entry) => createOutboundAuth(entry, authDeps));
  const repeats = createRepeats({ clock, enabled: options.retry });
  const call = createCaller({ clock, destination, schemes, target, repeats, options });

  return {
    name,
    origin: destination.origin,
    authHeaders: new Set(options.auth.flatMap(authHeaderNames)),
    send: (request, how) => call((outbound, limits) => destination.send(outbound, limits), request, how),
    request: (request, how) =>
      call((outbound, limits) => httpClient.request(destination, outbound, limits), request, how),
    connector: schemes.find(({ connector }) => connector)?.connector,
    status: () => ({
      name,
      destination: destination.status(),
      retries: repeats.repeated(),
      retriesLeft: repeats.budget.left(),
      tokens: schemes.flatMap((scheme) => scheme.status?.() ?? []),
      certificateEndsAtMs: opened?.certificateEndsAtMs,
    }),
  };
}
