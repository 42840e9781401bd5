import { type Clock, systemClock } from '../platform/clock.ts';
import type { GuardedBase } from './address-guard.ts';
import type { CircuitState } from './circuit-breaker.ts';
import { causeOf, failureOf } from './connection-failure.ts';
import type { ConnectionPool, PooledCall } from './connection-pool.ts';
import { createLaneBreakers, type Passes } from './lane-breakers.ts';
import {
  type CallOutcome,
  type Destination,
  type DestinationLimits,
  type DestinationStatus,
  OutboundError,
  type OutboundFailure,
  type OutboundRequest,
  type OutboundResponse,
  type SendOptions,
} from './outbound-types.ts';
import { createPlaces, type PlacedCall } from './places.ts';

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
  pool: Pick<ConnectionPool, 'dispatch' | 'connects'>;
  /** `lane`: the circuit of one lane alone. */
  onChange(state: CircuitState, lane: string | undefined): void;
}

/** By the first digit of the status. */
const STATUS_OUTCOMES: readonly CallOutcome[] = [
  'status_1xx',
  'status_2xx',
  'status_3xx',
  'status_4xx',
  'status_5xx',
];

function outcomeOf(result: OutboundResponse | OutboundFailure): CallOutcome {
  if (typeof result === 'string') return result;
  // A status beyond 599 is a failure of the server's (RFC 9110 section 15).
  return STATUS_OUTCOMES[Math.floor(result.status / 100) - 1] ?? 'status_5xx';
}

/** `hadTime`: the call was on its way for half of the destination's own deadline at least. */
function isWorking(result: OutboundResponse | OutboundFailure, hadTime: boolean): boolean {
  if (typeof result !== 'string') return !BROKEN_STATUSES.has(result.status);
  return !BROKEN.has(result) || (result === 'timeout' && !hadTime);
}

/** How a call was let out, when it reached a connection, and whether that stood, where the call's end does not tell. */
interface CallCourse {
  passes: Passes;
  startedAtMs: number | undefined;
  stood: boolean;
}

/** Counts how calls end, and tells the breaker whether the destination does its part. */
function createTally(breakers: ReturnType<typeof createLaneBreakers>, { clock, limits }: DestinationDeps) {
  const outcomes = new Map<CallOutcome, number>();
  let callMs = 0;
  let refused = 0;
  let lastFailure: DestinationStatus['lastFailure'];
  const add = (outcome: CallOutcome): void => {
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  };
  return {
    add,
    /** Called once for every call that was let in. */
    settle(result: OutboundResponse | OutboundFailure, { passes, startedAtMs, stood }: CallCourse): void {
      add(outcomeOf(result));
      if (typeof result !== 'string' && (result.status === 401 || result.status === 403)) refused += 1;
      const tookMs = startedAtMs === undefined ? 0 : elapsed.monotonicMs() - startedAtMs;
      // A call with little time of its own left proves nothing against the destination; on trial it proves nothing for it.
      const onTrial = passes.pass === 'trial' || passes.lane?.pass === 'trial';
      const hadTime = onTrial || tookMs * 2 >= limits.totalTimeoutMs;
      const works = isWorking(result, hadTime);
      if (typeof result === 'string') lastFailure = { reason: result, atMs: clock.nowMs() };
      else if (!works || result.status >= 500) {
        lastFailure = { reason: `status_${result.status}`, atMs: clock.nowMs() };
      }
      callMs += tookMs;
      // What never reached a connection says nothing of the destination.
      breakers.report(passes, {
        reached: startedAtMs !== undefined,
        works,
        connected: stood || typeof result !== 'string' || result === 'timeout' || !BROKEN.has(result),
      });
    },
    told: () => ({ callMs, refused, outcomes, lastFailure }),
  };
}

/** The time until which the destination asked to be left alone. */
function createPause(clock: Clock) {
  let untilMs = 0;
  return {
    begin(ms: number): void {
      untilMs = Math.max(untilMs, clock.monotonicMs() + ms);
    },
    leftMs(): number {
      if (untilMs === 0) return 0;
      const leftMs = untilMs - clock.monotonicMs();
      if (leftMs > 0) return leftMs;
      untilMs = 0;
      return 0;
    },
  };
}

/**
 * One destination: its deadline, the bound on calls at once, the circuit breaker, and the pause that it asked for.
 * Nothing here waits: a call is refused, started, or put in line within the same turn.
 */
export function createDestination(deps: DestinationDeps): Destination {
  const { name, base, limits, clock, pool } = deps;
  const { origin, basePath } = base;
  const places = createPlaces(limits.maxConnections);
  const breakers = createLaneBreakers({
    clock,
    failures: limits.breakerFailures,
    onChange: (state, lane) => {
      if (state === 'open') places.refuseWaiting('circuit_open', lane);
      deps.onChange(state, lane);
    },
  });
  const breaker = breakers.all;
  const tally = createTally(breakers, deps);
  const pause = createPause(clock);

  const refuse = (failure: OutboundFailure, retryAfterMs?: number): Promise<never> => {
    tally.add(failure);
    return Promise.reject(new OutboundError(failure, origin, undefined, retryAfterMs));
  };
  const run = (
    request: OutboundRequest,
    passes: Passes,
    { totalTimeoutMs = limits.totalTimeoutMs, signal, lane, sharesWithOthers = false }: SendOptions,
  ): Promise<OutboundResponse> =>
    new Promise<OutboundResponse>((resolve, reject) => {
      const course: CallCourse = { passes, startedAtMs: undefined, stood: false };
      let cut: (() => void) | undefined;
      let ended = false;
      const done = (result: OutboundResponse | OutboundFailure, cause?: string) => {
        if (ended) return;
        ended = true;
        clearTimeout(timer);
        signal?.removeEventListener('abort', cancel);
        tally.settle(result, course);
        places.leave(call);
        if (typeof result === 'string') reject(new OutboundError(result, origin, cause));
        else resolve(result);
      };
      const abandon = (failure: OutboundFailure) => {
        done(failure);
        cut?.();
      };
      const pooled: PooledCall = {
        maxResponseBytes: limits.maxResponseBytes,
        answered: done,
        failed: done,
        unsent: (failure) => {
          course.startedAtMs = undefined;
          done(failure);
        },
        broke: (error, during) => {
          course.stood = during !== 'connecting';
          done(failureOf(error, during === 'answering'), causeOf(error));
        },
      };
      const call: PlacedCall = {
        lane,
        isShared: sharesWithOthers,
        start() {
          course.startedAtMs = elapsed.monotonicMs();
          const { method, headers, body } = request;
          try {
            cut = pool.dispatch({ method, path: basePath + request.path, headers, body }, pooled);
          } catch (error) {
            // A place that comes free starts the next call: what that throws must not leave the end of this one.
            pooled.broke(error as Error, 'connecting');
          }
        },
        refuse: abandon,
      };
      const cancel = () => abandon('timeout');
      const timer = setTimeout(cancel, totalTimeoutMs);
      signal?.addEventListener('abort', cancel);
      places.enter(call);
    });

  return {
    name,
    origin,
    send(request, options) {
      // An absolute address would send the request, credentials included, to a proxy's idea of it.
      if (!request.path.startsWith('/')) return refuse('protocol');
      if (places.areFull(options?.lane)) return refuse('busy');
      if (options?.signal?.aborted === true) return refuse('timeout');
      const pausedMs = options?.ignoresPause === true ? 0 : pause.leftMs();
      if (pausedMs > 0) return refuse('paused', pausedMs);
      const passes = breakers.admit(options?.sharesWithOthers === true ? options.lane : undefined);
      if ('openForMs' in passes) return refuse('circuit_open', passes.openForMs);
      return run(request, passes, options ?? {});
    },
    pause: pause.begin,
    status: () => ({
      name,
      origin,
      circuit: breaker.state(),
      circuitOpenForMs: breaker.openForMs(),
      circuitOpened: breaker.opened(),
      pausedForMs: pause.leftMs(),
      running: places.running(),
      waiting: places.waiting(),
      maxRunning: limits.maxConnections,
      maxWaiting: places.maxWaiting,
      connects: pool.connects(),
      ...tally.told(),
    }),
  };
}
