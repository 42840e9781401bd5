import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Response } from 'express';
import type { PolicyState } from '../limits/limiter.ts';
import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import type { Metrics } from '../platform/metrics.ts';
import type { RequestSpan, Tracing } from '../platform/tracing.ts';
import type { ConstantHeaders } from './answer-head.ts';

/** What is known of one request from its first moment. */
export interface RequestContext {
  headers: ConstantHeaders;
  /** Our own; a caller's is never taken over. */
  requestId: string;
  /** The caller's address: the socket's, or what a configured proxy vouches for. */
  address: string;
  /** Route pattern, for metrics and the log; never the address as sent. */
  route: string;
  /** Filled in as it becomes known, for the one log line of the request. */
  partner: string | undefined;
  keyPrefix: string | undefined;
  clientId: string | undefined;
  customerId: string | undefined;
  channel: string | undefined;
  code: string | undefined;
  /** Who calls, in the words of the audit log. */
  actor: string | undefined;
  /** A refused credential counts against the caller's address; until it is known who calls. As in `Endpoint`. */
  countsFailures: boolean | 'alone' | undefined;
  /** Where the limits of this request stand, and the headers that say so. */
  limits: readonly PolicyState[] | undefined;
  limitHeaders: Record<string, string> | undefined;
  /** Where spans are made. */
  span: RequestSpan | undefined;
}

export interface EdgeDeps {
  clock: Clock;
  logger: Logger;
  metrics: Metrics;
  /** Default: no spans are made. */
  tracing?: Tracing | undefined;
}

const CONTEXT = Symbol('context');

type Held = Response & { [CONTEXT]?: RequestContext };

/** Methods that an endpoint or a preflight may have; any other is one in the metrics, because callers invent them. */
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** All members from the start: one shape for all requests is what makes reading them cheap. */
export function newContext(known: Pick<RequestContext, 'headers' | 'requestId' | 'address'>): RequestContext {
  return {
    headers: known.headers,
    requestId: known.requestId,
    address: known.address,
    route: 'unknown',
    partner: undefined,
    keyPrefix: undefined,
    clientId: undefined,
    customerId: undefined,
    channel: undefined,
    code: undefined,
    actor: undefined,
    countsFailures: undefined,
    limits: undefined,
    limitHeaders: undefined,
    span: undefined,
  };
}

export function attachContext(res: Response, context: RequestContext): void {
  (res as Held)[CONTEXT] = context;
}

export function contextOf(res: Response): RequestContext {
  return (res as Held)[CONTEXT] as RequestContext;
}

/** Whether the request got as far as having a context. */
export function hasContext(res: Response): boolean {
  return CONTEXT in res;
}

/** Writes the request's one log line and counts it, when its answer is finished or its connection lost. */
export function logWhenDone(
  req: IncomingMessage,
  res: ServerResponse,
  context: RequestContext,
  deps: EdgeDeps,
): void {
  const startedMs = deps.clock.monotonicMs();
  // Comes once, when the answer is finished and when its connection is lost.
  res.on('close', () => {
    const durationMs = deps.clock.monotonicMs() - startedMs;
    const status = res.writableFinished ? res.statusCode : 499;
    const method = req.method ?? '';
    const counted = METHODS.has(method) ? method : 'other';
    deps.metrics.requests.inc({ route: context.route, method: counted, status });
    deps.metrics.requestSeconds.observe({ route: context.route }, durationMs / 1000);
    deps.logger.log('info', {
      event: 'http.request',
      request_id: context.requestId,
      method,
      route: context.route,
      status,
      duration_ms: Math.round(durationMs * 100) / 100,
      address: context.address,
      partner: context.partner,
      key_prefix: context.keyPrefix,
      client_id: context.clientId,
      customer_id: context.customerId,
      channel: context.channel,
      code: context.code,
    });
    context.span?.end(
      `${counted} ${context.route}`,
      {
        'http.request.method': counted,
        'http.route': context.route,
        'http.response.status_code': status,
        ...(context.code === undefined ? {} : { 'error.type': context.code }),
      },
      status >= 500,
    );
  });
}
