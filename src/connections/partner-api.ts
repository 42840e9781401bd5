import { BridgeError, type ErrorCode } from '../errors.ts';
import type { LimitCounter } from '../limits/limit-counter.ts';
import { parseJsonObject } from '../outbound/json-answer.ts';
import { OutboundError, type OutboundRequest, type OutboundResponse } from '../outbound/outbound-types.ts';
import type { Clock } from '../platform/clock.ts';
import { MAX_PAUSE_MS } from '../outbound/retry.ts';
import type { Metrics } from '../platform/metrics.ts';
import { pauseFor, type StartTimer } from '../platform/timer.ts';
import { type CallQueue, createCallQueue, QueueRefusal } from './call-queue.ts';
import type { Connection } from './connection.ts';
import { echoesCredentials, secretsInHeaders } from './echoed-credentials.ts';
import { secretsOf } from './mask-answer.ts';
import {
  createProblemReader,
  CredentialsEchoed,
  type PartnerProblem,
  PartnerTrouble,
} from './partner-answer.ts';
import type { OpenPath, Preset } from './presets/preset.ts';
import { type ConnectionSetting, openPathsOf, variantOf } from './presets/preset-settings.ts';
import { presetOf } from './presets/registry.ts';

/** A call as it goes out. The path is below the connection's base URL, encoded, and may carry a query. */
export interface PartnerCall {
  method: 'GET' | 'POST';
  path: string;
  headers?: Readonly<Record<string, string>>;
  /** Written as JSON. */
  body?: unknown;
}

export interface PartnerCallOptions {
  /** Whose turn it takes while calls wait: callers of different lanes get even shares. */
  lane: string;
  /** For everything: waiting, every attempt, our own credentials. Milliseconds. Default 5,000. */
  deadlineMs?: number;
  /** For whoever sets the connection up: what the partner says of our own credentials comes back, too. Default false. */
  showsEverything?: boolean;
}

/** What a partner answered: a success, or a refusal that is about the call itself. */
export interface PartnerAnswer {
  status: number;
  /** JSON as it came; `undefined` for an answer without a body. */
  body: Buffer | undefined;
  /** How often the call went out. */
  attempts: number;
  /** The partner's own error code, where it refused. */
  code: string | undefined;
  /** What went out as our credentials, to be covered before a person sees the answer; only with `showsEverything`. */
  credentials?: readonly string[];
}

/** A partner's API behind one connection: called within its limits, and again where its advice says so. */
export interface PartnerApi {
  readonly name: string;
  readonly preset: Preset;
  /** The record's paths, whether they are opened to partners or not. */
  readonly knownPaths: readonly OpenPath[];
  /** Paths that partners may call through us. */
  readonly openPaths: readonly OpenPath[];
  /** Partners that may do so. */
  readonly openTo: ReadonlySet<string>;
  /** Keys of which environments may do so. */
  readonly environments: ReadonlySet<'live' | 'test'>;
  readonly needsCustomerProof: boolean;
  /** Our own credentials, to be covered where an answer is shown to a person. */
  readonly secrets: readonly string[];
  /** Calls that wait for their turn. */
  waiting(): number;
  /**
   * Makes a call. Throws `PARTNER_LIMIT_REACHED`, `PARTNER_API_UNAVAILABLE`, `PARTNER_API_TIMEOUT` or
   * `PARTNER_API_ERROR`, also for an answer that holds credentials of ours; an answer that concerns our own credentials is `PARTNER_API_UNAVAILABLE`.
   */
  call(request: PartnerCall, options: PartnerCallOptions): Promise<PartnerAnswer>;
}

export interface PartnerApiDeps {
  connection: Connection;
  clock: Clock;
  startTimer: StartTimer;
  metrics: Metrics;
  sharedCounter?: LimitCounter | undefined;
}

const DEADLINE_MS = 5_000;
/** Below this there is no use in beginning an attempt. */
const LEAST_ATTEMPT_MS = 20;

/** The lane of a partner's own calls. */
export const partnerLane = (partner: string): string => `partner:${partner}`;

const seconds = (ms: number): number => Math.max(1, Math.ceil(ms / 1_000));

function limitReached(waitMs: number): BridgeError {
  return new BridgeError('PARTNER_LIMIT_REACHED', { retryAfterSeconds: seconds(waitMs) });
}

/** The error for a call that got no answer. */
function failureOf(error: unknown): unknown {
  if (error instanceof QueueRefusal) {
    return error.reason === 'limit'
      ? limitReached(error.retryAfterMs)
      : new BridgeError('PARTNER_API_UNAVAILABLE', { retryAfterSeconds: seconds(error.retryAfterMs) });
  }
  if (!(error instanceof OutboundError)) return error;
  const { failure } = error;
  if (failure === 'timeout') return new BridgeError('PARTNER_API_TIMEOUT', { cause: error });
  if (failure === 'paused') return limitReached(error.retryAfterMs ?? 1_000);
  if (failure === 'too_large' || failure === 'protocol' || failure === 'refused_address') {
    return new BridgeError('PARTNER_API_ERROR', { cause: error });
  }
  return new BridgeError('PARTNER_API_UNAVAILABLE', {
    cause: error,
    ...(error.retryAfterMs === undefined ? {} : { retryAfterSeconds: seconds(error.retryAfterMs) }),
  });
}

/** What is to be done about an answer. */
type Verdict = { done: true } | { done: false; waitMs: number } | { done: false; error: BridgeError };

/** Statuses that speak of us rather than of the call: the caller could do nothing about them. */
const ABOUT_US: ReadonlySet<number> = new Set([401, 403, 407, 408]);

function createJudge(preset: Preset) {
  const { tooManyMs, serverErrorMs, conflictMeansStored = false } = preset.retry;
  return (
    { status, problem }: { status: number; problem: PartnerProblem },
    call: PartnerCall,
    attempt: number,
  ): Verdict => {
    const refuse = (code: ErrorCode, waitMs?: number): Verdict => ({
      done: false,
      error: new BridgeError(code, {
        cause: new PartnerTrouble(status, problem.code),
        ...(waitMs === undefined ? {} : { retryAfterSeconds: seconds(waitMs) }),
      }),
    });
    if (status === 429) {
      const advisedMs = tooManyMs[attempt - 1];
      const waitMs = problem.retryAfterMs ?? advisedMs ?? 1_000;
      return advisedMs === undefined ? refuse('PARTNER_LIMIT_REACHED', waitMs) : { done: false, waitMs };
    }
    if (status >= 500) {
      const advisedMs = serverErrorMs[attempt - 1];
      if (advisedMs !== undefined && (call.method === 'GET' || conflictMeansStored)) {
        return { done: false, waitMs: problem.retryAfterMs ?? advisedMs };
      }
      return status === 503
        ? refuse('PARTNER_API_UNAVAILABLE', problem.retryAfterMs)
        : refuse('PARTNER_API_ERROR');
    }
    if (ABOUT_US.has(status)) return refuse('PARTNER_API_UNAVAILABLE');
    if (status < 200 || (status >= 300 && status < 400)) return refuse('PARTNER_API_ERROR');
    return { done: true };
  };
}

/** The answer as it may be handed on: JSON or nothing. A 409 to a repeat says that the first attempt arrived. */
function readAnswer(response: OutboundResponse, attempts: number, code: string | undefined): PartnerAnswer {
  const { status, body } = response;
  if (body.length === 0 || status === 204) return { status, body: undefined, attempts, code };
  const parsed = parseJsonObject(response);
  if (parsed === 'not_json' || parsed === 'not_utf8') throw new BridgeError('PARTNER_API_ERROR');
  return { status, body, attempts, code };
}

interface Attempts {
  api: string;
  connection: Connection;
  queue: CallQueue;
  clock: Clock;
  startTimer: StartTimer;
  judge: ReturnType<typeof createJudge>;
  readProblem: (response: OutboundResponse) => PartnerProblem;
  maxWaitMs: number;
  conflictMeansStored: boolean;
  /** Our own credentials as configured. */
  secrets: readonly string[];
  /** Several partners may call. */
  isShared: boolean;
}

/** One call with its waiting and its repeats, all within the deadline. */
async function attempt(
  deps: Attempts,
  call: PartnerCall,
  outbound: OutboundRequest,
  { lane, deadlineMs = DEADLINE_MS, showsEverything = false }: PartnerCallOptions,
): Promise<PartnerAnswer> {
  const { connection, queue, clock } = deps;
  const endMs = clock.monotonicMs() + deadlineMs;
  const leftMs = () => endMs - clock.monotonicMs();
  const credentials = new Set(deps.secrets);
  const onCredentials = (headers: Readonly<Record<string, string>>) => {
    for (const secret of secretsInHeaders(headers)) credentials.add(secret);
  };
  for (let attempts = 1; ; attempts += 1) {
    await queue.enter(lane, Math.max(0, Math.min(leftMs() - LEAST_ATTEMPT_MS, deps.maxWaitMs)));
    const response = await connection.send(outbound, {
      totalTimeoutMs: Math.max(1, leftMs()),
      // Repeats and waiting are decided here, by the partner's own advice.
      idempotent: false,
      sharesLimit: false,
      lane,
      sharesWithOthers: deps.isShared,
      onCredentials,
    });
    if (!showsEverything && echoesCredentials(response.body, credentials)) {
      throw new BridgeError('PARTNER_API_ERROR', { cause: new CredentialsEchoed(response.status) });
    }
    const problem = deps.readProblem(response);
    if (deps.conflictMeansStored && attempts > 1 && response.status === 409) {
      return { status: 200, body: undefined, attempts, code: undefined };
    }
    const verdict = deps.judge({ status: response.status, problem }, call, attempts);
    const answer = () => ({
      ...readAnswer(response, attempts, response.status < 400 ? undefined : problem.code),
      ...(showsEverything ? { credentials: [...credentials] } : {}),
    });
    if (verdict.done) return answer();
    const quietMs = 'waitMs' in verdict ? verdict.waitMs : problem.retryAfterMs;
    if (response.status === 429 && quietMs !== undefined) queue.pause(Math.min(quietMs, MAX_PAUSE_MS));
    if ('waitMs' in verdict && verdict.waitMs <= leftMs() - LEAST_ATTEMPT_MS) {
      await pauseFor(deps.startTimer, verdict.waitMs);
      continue;
    }
    if (showsEverything) return answer();
    if ('error' in verdict) throw verdict.error;
    throw new BridgeError(response.status === 429 ? 'PARTNER_LIMIT_REACHED' : 'PARTNER_API_UNAVAILABLE', {
      cause: new PartnerTrouble(response.status, problem.code),
      retryAfterSeconds: seconds(verdict.waitMs),
    });
  }
}

function outboundOf(call: PartnerCall, preset: Preset): OutboundRequest {
  const headers = { ...preset.headers, ...call.headers };
  if (call.body === undefined) return { method: call.method, path: call.path, headers };
  return {
    method: call.method,
    path: call.path,
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify(call.body),
  };
}

/** The outcomes that are counted. */
function outcomeOf(error: unknown): string {
  if (error instanceof BridgeError && error.cause instanceof CredentialsEchoed) return 'credentials_echoed';
  return error instanceof BridgeError ? error.code.toLowerCase() : 'internal';
}

/** The API of a connection that has a preset; `undefined` for any other connection. */
export function createPartnerApi(setting: ConnectionSetting, deps: PartnerApiDeps): PartnerApi | undefined {
  if (setting.preset === undefined) return undefined;
  const { connection, clock, startTimer, metrics } = deps;
  const preset = presetOf(setting.preset);
  const windows =
    setting.limits?.map(({ quota, window_seconds }) => ({ quota, windowSeconds: window_seconds })) ??
    variantOf(preset, setting.variant)?.limits ??
    [];
  const { name } = connection;
  const openTo = new Set(setting.pass_through?.partners);
  const secrets = secretsOf(setting.auth);
  const queue = createCallQueue(
    {
      name,
      windows,
      maxWaiting: setting.queue.max_waiting,
      sharers: new Set([...openTo].map(partnerLane)),
    },
    {
      clock,
      startTimer,
      sharedCounter: deps.sharedCounter,
      onWaiting: (waiting) => metrics.partnerCallsWaiting.set({ connection: name }, waiting),
    },
  );
  const attempts: Attempts = {
    api: name,
    connection,
    queue,
    clock,
    startTimer,
    judge: createJudge(preset),
    readProblem: createProblemReader(preset.errors, clock),
    maxWaitMs: setting.queue.max_wait_ms,
    conflictMeansStored: preset.retry.conflictMeansStored ?? false,
    secrets,
    isShared: openTo.size > 1,
  };
  return {
    name,
    preset,
    knownPaths: preset.paths,
    openPaths: openPathsOf(setting),
    openTo,
    environments: new Set(setting.pass_through?.environments),
    needsCustomerProof: setting.pass_through?.customer_proof !== 'optional',
    secrets,
    waiting: queue.waiting,
    call: async (call, options) => {
      try {
        const answer = await attempt(attempts, call, outboundOf(call, preset), options);
        metrics.partnerCalls.inc({ connection: name, outcome: answer.status < 400 ? 'ok' : 'refused' });
        return answer;
      } catch (error) {
        const failure = failureOf(error);
        metrics.partnerCalls.inc({ connection: name, outcome: outcomeOf(failure) });
        throw failure;
      }
    },
  };
}
