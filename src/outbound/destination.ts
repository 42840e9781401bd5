import { type Clock, systemClock } from '../platform/clock.ts';
import type { GuardedBase } from './address-guard.ts';
import { type CircuitState, createCircuitBreaker, type Pass } from './circuit-breaker.ts';
import { createExchange, type ExchangeHandler } from './exchange.ts';
import {
  type CallOutcome,
  type Destination,
  type DestinationLimits,
  OutboundError,
  type OutboundFailure,
  type OutboundRequest,
  type OutboundResponse,
  type SendOptions,
} from './outbound-types.ts';

/** Calls that may wait for each connection before further ones are turned away. */
const WAITING_PER_CONNECTION = 32;

/** Deadlines are timers, which no test clock moves; how long a call took is measured as they do. */
const elapsed: Pick<Clock, 'monotonicMs'> = systemClock;

/** What says that the destination as a whole does not work; the others may be about one request. */
const BROKEN: ReadonlySet<string> = new Set(['timeout', 'unreachable', 'untrusted', 'refused_address']);
const BROKEN_STATUSES: ReadonlySet<number> = new Set([502, 503, 504]);

export interface DestinationDeps {
  /** For metrics and the log. */
  name: string;
  base: GuardedBase;
  limits: DestinationLimits;
  clock: Clock;
  /** Hands a request to the connection pool. */
  dispatch(
    request: Omit<OutboundRequest, 'body'> & { body: string | Buffer | null },
    handler: ExchangeHandler,
  ): void;
  /** Connections made so far. */
  connects(): number;
  onChange(state: CircuitState): void;
}

function outcomeOf(result: OutboundResponse | OutboundFailure): CallOutcome {
  if (typeof result === 'string') return result;
  return `status_${Math.floor(result.status / 100)}xx` as CallOutcome;
}

/** `hadTime`: the call was on its way for half of the destination's own deadline at least. */
function isWorking(result: OutboundResponse | OutboundFailure, hadTime: boolean): boolean {
  if (typeof result !== 'string') return !BROKEN_STATUSES.has(result.status);
  return !BROKEN.has(result) || (result === 'timeout' && !hadTime);
}

/** What is told of a destination, counted as it happens. */
function createTally() {
  const outcomes = new Map<CallOutcome, number>();
  return {
    outcomes,
    callMs: 0,
    lastFailure: undefined as { reason: OutboundFailure | `status_${number}`; atMs: number } | undefined,
    add(outcome: CallOutcome): void {
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    },
  };
}

/** One call between the moment that it is let in and its end. */
interface Call {
  start(): void;
  refuse(failure: OutboundFailure): void;
}

/**
 * One destination: its deadline, the bound on calls at once, the circuit breaker, and the pause that it asked for.
 * Nothing here waits: a call is refused, started, or put in line within the same turn.
 */
export function createDestination(deps: DestinationDeps): Destination {
  const { base, limits, clock, dispatch } = deps;
  const { origin, basePath } = base;
  const maxWaiting = limits.maxConnections * WAITING_PER_CONNECTION;
  const tally = createTally();
  let running = 0;
  let pausedUntilMs = 0;
  // A call whose deadline passes while it waits leaves without having touched a connection.
  const waiting = new Set<Call>();
  const breaker = createCircuitBreaker({
    clock,
    failures: limits.breakerFailures,
    onChange: (state) => {
      if (state === 'open') for (const call of waiting) call.refuse('circuit_open');
      deps.onChange(state);
    },
  });

  const release = () => {
    const next = waiting.values().next();
    if (next.done) {
      running -= 1;
      return;
    }
    waiting.delete(next.value);
    next.value.start();
  };
  const refused = (failure: OutboundFailure, retryAfterMs?: number) => {
    tally.add(failure);
    return new OutboundError(failure, origin, undefined, retryAfterMs);
  };
  const pauseLeftMs = () => (pausedUntilMs === 0 ? 0 : Math.max(0, pausedUntilMs - clock.monotonicMs()));
  /** Why a call may not go out now. */
  const refusal = (options: SendOptions | undefined): OutboundError | undefined => {
    if (running >= limits.maxConnections && waiting.size >= maxWaiting) return refused('busy');
    if (pausedUntilMs !== 0 && options?.ignoresPause !== true) {
      const leftMs = pauseLeftMs();
      if (leftMs > 0) return refused('paused', leftMs);
      pausedUntilMs = 0;
    }
    return undefined;
  };
  /** Counts how a call ended, and tells the breaker. */
  const settle = (
    result: OutboundResponse | OutboundFailure,
    how: { pass: Pass; startedAtMs: number | undefined },
  ) => {
    tally.add(outcomeOf(result));
    const tookMs = how.startedAtMs === undefined ? 0 : elapsed.monotonicMs() - how.startedAtMs;
    const works = isWorking(result, tookMs * 2 >= limits.totalTimeoutMs);
    if (typeof result === 'string') tally.lastFailure = { reason: result, atMs: clock.nowMs() };
    else if (!works || result.status >= 500) {
      tally.lastFailure = { reason: `status_${result.status}`, atMs: clock.nowMs() };
    }
    tally.callMs += tookMs;
    // What never reached a connection says nothing of the destination, but a trial has to end.
    if (how.startedAtMs !== undefined || how.pass === 'trial') breaker.report(how.pass, works);
  };

  const run = (
    request: OutboundRequest,
    pass: Pass,
    options: SendOptions | undefined,
  ): Promise<OutboundResponse> =>
    new Promise<OutboundResponse>((resolve, reject) => {
      const deadlineMs = options?.totalTimeoutMs ?? limits.totalTimeoutMs;
      const how: Parameters<typeof settle>[1] = { pass, startedAtMs: undefined };
      const done = (result: OutboundResponse | OutboundFailure, cause?: string) => {
        clearTimeout(timer);
        const inLine = waiting.delete(call);
        settle(result, how);
        if (!inLine) release();
        if (typeof result === 'string') reject(new OutboundError(result, origin, cause));
        else resolve(result);
      };
      const exchange = createExchange(limits.maxResponseBytes, done);
      const call: Call = {
        start() {
          how.startedAtMs = elapsed.monotonicMs();
          const headers = { ...request.headers, 'accept-encoding': 'identity', 'user-agent': 'symbolon' };
          const path = basePath + request.path;
          dispatch({ path, method: request.method, headers, body: request.body ?? null }, exchange.handler);
        },
        refuse: (failure) => exchange.abandon(failure),
      };
      const timer = setTimeout(() => exchange.abandon('timeout'), deadlineMs);
      if (running < limits.maxConnections) {
        running += 1;
        call.start();
      } else waiting.add(call);
    });

  return {
    name: deps.name,
    origin,
    send(request, options) {
      // undici would take an absolute URL here.
      if (!request.path.startsWith('/')) return Promise.reject(refused('protocol'));
      const error = refusal(options);
      if (error) return Promise.reject(error);
      const pass = breaker.admit();
      if (pass === undefined) return Promise.reject(refused('circuit_open', breaker.openForMs()));
      return run(request, pass, options);
    },
    pause(ms) {
      pausedUntilMs = Math.max(pausedUntilMs, clock.monotonicMs() + ms);
    },
    status: () => ({
      name: deps.name,
      origin,
      circuit: breaker.state(),
      circuitOpenForMs: breaker.openForMs(),
      circuitOpened: breaker.opened(),
      pausedForMs: pauseLeftMs(),
      running,
      waiting: waiting.size,
      maxRunning: limits.maxConnections,
      maxWaiting,
      connects: deps.connects(),
      callMs: tally.callMs,
      outcomes: tally.outcomes,
      lastFailure: tally.lastFailure,
    }),
  };
}
