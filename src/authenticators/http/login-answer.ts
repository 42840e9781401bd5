/**
 * What the answer of the company's own log-in or "who am I" address means. One mapping for every authenticator that asks
 * over HTTP; whatever was not configured to mean something is "could not tell".
 */
import { z } from 'zod';
import { parseReference, type ReferenceSpace } from '../../identifiers/identifier.ts';
import { type FailureReason, reasonOfError, reasonOfStatus } from '../../outbound/failure-reason.ts';
import {
  answerPathSetting,
  type JsonObject,
  parseAnswerPath,
  parseJsonObject,
  valueAt,
} from '../../outbound/json-answer.ts';
import type { OutboundError, OutboundResponse } from '../../outbound/outbound-types.ts';
import type { AuthenticationOutcome } from '../authenticator.ts';

/** A constant value in the configuration. */
export const scalarSetting = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const status = z.int().min(200).max(499);

/** What an answer must look like: a status, a value at a path, or both. */
const markerSetting = z
  .strictObject({
    status: status.optional(),
    path: answerPathSetting.optional(),
    value: scalarSetting.optional(),
  })
  .refine((marker) => (marker.path === undefined) === (marker.value === undefined), {
    message: 'path and value go together',
  })
  .refine((marker) => marker.status !== undefined || marker.path !== undefined, {
    message: 'must name a status, or a path and a value',
  });

/** The `answer` part of the options. `refusedStatuses`: the statuses that mean "not this customer" by default. */
export const loginAnswerSetting = (refusedStatuses: number[]) =>
  z.strictObject({
    /** Where the customer's immutable id stands in the answer of a success. */
    reference: answerPathSetting,
    success: z
      .strictObject({
        status: z.array(z.int().min(200).max(299)).min(1).default([200]),
        /** For interfaces that answer 200 to a wrong password too. */
        equals: z.strictObject({ path: answerPathSetting, value: scalarSetting }).optional(),
      })
      .default({ status: [200] }),
    /** Statuses that mean a wrong name or password. */
    refused_statuses: z.array(z.int().min(400).max(499)).default(refusedStatuses),
    /** A wrong name or password told by something else than the status. */
    refused: markerSetting.optional(),
    locked: markerSetting.optional(),
    password_change_required: markerSetting.optional(),
  });

export type LoginAnswerOptions = z.infer<ReturnType<typeof loginAnswerSetting>>;

type Marker = z.infer<typeof markerSetting>;

const RETRY_AFTER_SECONDS = 5;
const MAX_RETRY_AFTER_SECONDS = 60;

/** Nobody could tell, and why; whole seconds until another try makes sense. */
export function unavailable(
  reason: FailureReason,
  { busy = false, retryAfterSeconds = RETRY_AFTER_SECONDS } = {},
): AuthenticationOutcome {
  return { outcome: 'unavailable', busy, retryAfterSeconds, reason };
}

/** Nobody could tell, because the call failed; says when the next one makes sense where that is known. */
export function unavailableBy(error: OutboundError): AuthenticationOutcome {
  const { failure, retryAfterMs } = error;
  const retryAfterSeconds =
    retryAfterMs === undefined ? RETRY_AFTER_SECONDS : Math.max(1, Math.ceil(retryAfterMs / 1_000));
  return unavailable(reasonOfError(error), { busy: failure === 'busy', retryAfterSeconds });
}

/** `Retry-After` in whole seconds; a date counts from the answer's own (RFC 9110 section 10.2.3), whatever our clock says. */
function retryAfterOf({ headers }: OutboundResponse): number {
  const stated = headers['retry-after'] ?? '';
  const seconds = /^\d{1,6}$/.test(stated)
    ? Number(stated)
    : Math.ceil((Date.parse(stated) - Date.parse(headers['date'] ?? '')) / 1_000);
  return Number.isNaN(seconds)
    ? RETRY_AFTER_SECONDS
    : Math.min(Math.max(seconds, 1), MAX_RETRY_AFTER_SECONDS);
}

/**
 * A 401 of a log-in API usually speaks of the customer. Only one that says in the words of RFC 6750 section 3.1 that
 * our access token is bad is about us; sending the password twice on every 401 would lock accounts twice as fast.
 */
export function refusesOurToken(response: OutboundResponse): boolean {
  return (
    response.status === 401 && /\berror="?invalid_token\b/i.test(response.headers['www-authenticate'] ?? '')
  );
}

function createMarker(marker: Marker | undefined): (status: number, body: JsonObject | undefined) => boolean {
  if (!marker) return () => false;
  const path = marker.path === undefined ? undefined : parseAnswerPath(marker.path);
  return (answered, body) =>
    (marker.status === undefined || marker.status === answered) &&
    (path === undefined || valueAt(body, path) === marker.value);
}

export interface AnswerReaderOptions {
  answer: LoginAnswerOptions;
  space: string;
  /** Whether a refusal is about our own credentials, not about the customer. */
  refusesUs: (response: OutboundResponse) => boolean;
}

/** Reads an answer as the configuration says; whatever it does not mention is "could not tell". */
export function createAnswerReader({
  answer,
  space,
  refusesUs,
}: AnswerReaderOptions): (response: OutboundResponse) => AuthenticationOutcome {
  const referencePath = parseAnswerPath(answer.reference);
  const succeeded = createMarker(answer.success.equals);
  const isLocked = createMarker(answer.locked);
  const mustChange = createMarker(answer.password_change_required);
  const isRefused = createMarker(answer.refused);

  return (response) => {
    const ofStatus = reasonOfStatus(response.status);
    if (response.status === 429 || response.status >= 500) {
      const busy = response.status === 429;
      return unavailable(ofStatus, { busy, retryAfterSeconds: retryAfterOf(response) });
    }
    // A page for people is a proxy, a firewall or a wrong path, whatever its status.
    if (/html/i.test(response.headers['content-type'] ?? '')) return unavailable('html');
    if (refusesUs(response)) return unavailable('no_credentials');
    const parsed = parseJsonObject(response);
    const body = typeof parsed === 'string' ? undefined : parsed;
    if (isLocked(response.status, body)) return { outcome: 'refused', reason: 'locked' };
    if (mustChange(response.status, body)) return { outcome: 'refused', reason: 'password_change_required' };
    if (isRefused(response.status, body)) return { outcome: 'refused', reason: 'credentials' };
    if (answer.refused_statuses.includes(response.status))
      return { outcome: 'refused', reason: 'credentials' };
    if (!answer.success.status.includes(response.status)) return unavailable(ofStatus);
    if (typeof parsed === 'string') return unavailable(parsed);
    if (answer.success.equals && !succeeded(response.status, body)) return unavailable('success_missing');
    const found = valueAt(body, referencePath);
    const reference = parseReference(found);
    if (reference === undefined) {
      return unavailable(found === undefined ? 'reference_missing' : 'reference_unusable');
    }
    return { outcome: 'authenticated', space: space as ReferenceSpace, reference };
  };
}
