import { type FailureReason, reasonOfStatus } from '../outbound/failure-reason.ts';
import { parseAnswerPath, readJsonObject, valueAt } from '../outbound/json-answer.ts';
import { OutboundError, type OutboundResponse } from '../outbound/outbound-types.ts';
import type { Clock } from '../platform/clock.ts';
import type { ErrorShape } from './presets/preset.ts';

/** What an error answer says of itself. */
export interface PartnerProblem {
  /** The partner's own code, visible ASCII of at most 64 characters; `undefined` where it gives none. */
  code: string | undefined;
  /** Milliseconds after which the partner wants to be called again. */
  retryAfterMs: number | undefined;
}

/** Why an answer was not handed on; the cause of the error that the caller gets, and never shown to it. */
export class PartnerTrouble extends Error {
  readonly status: number;
  /** The partner's own code. */
  readonly code: string | undefined;

  constructor(status: number, code: string | undefined) {
    super(`the partner API answered ${status}`);
    this.name = 'PartnerTrouble';
    this.status = status;
    this.code = code;
  }
}

/** An answer held credentials of ours, and nobody gets it. */
export class CredentialsEchoed extends Error {
  readonly status: number;

  constructor(status: number) {
    super('the partner API answered with credentials of ours');
    this.name = 'CredentialsEchoed';
    this.status = status;
  }
}

/** What an operator may know of a failed call: a reason of the outbound calls, and the partner's own code. */
export function troubleOf(cause: unknown): { reason: FailureReason; code: string | undefined } | undefined {
  if (cause instanceof OutboundError) return { reason: cause.failure, code: undefined };
  if (cause instanceof CredentialsEchoed) return { reason: 'credentials_echoed', code: undefined };
  return cause instanceof PartnerTrouble
    ? { reason: reasonOfStatus(cause.status), code: cause.code }
    : undefined;
}

const MAX_WAIT_SECONDS = 86_400;

/** `Retry-After` in seconds or as a date (RFC 9110 section 10.2.3), in milliseconds. */
function statedWaitMs(header: string | undefined, clock: Pick<Clock, 'nowMs'>): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header)) return Math.min(Number(header), MAX_WAIT_SECONDS) * 1_000;
  const dateMs = Date.parse(header);
  if (Number.isNaN(dateMs)) return undefined;
  return Math.min(Math.max(0, dateMs - clock.nowMs()), MAX_WAIT_SECONDS * 1_000);
}

/** Reads errors as one partner writes them. */
export function createProblemReader(shape: ErrorShape, clock: Pick<Clock, 'nowMs'>) {
  const codePath = parseAnswerPath(shape.code);
  const waitPaths = shape.retryAfterSeconds.map(parseAnswerPath);
  return (response: OutboundResponse): PartnerProblem => {
    const body = readJsonObject(response);
    const code = body && valueAt(body, codePath);
    const inBody = body && waitPaths.map((path) => valueAt(body, path)).find((value) => value !== undefined);
    const seconds = typeof inBody === 'number' && inBody >= 0 ? inBody : undefined;
    return {
      code: typeof code === 'string' && /^[\x21-\x7e]{1,64}$/.test(code) ? code : undefined,
      retryAfterMs:
        statedWaitMs(response.headers['retry-after'], clock) ??
        (seconds === undefined ? undefined : Math.min(seconds, MAX_WAIT_SECONDS) * 1_000),
    };
  };
}
