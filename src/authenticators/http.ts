import { z } from 'zod';
import { failureSentence } from '../connections/failure-sentence.ts';
import { StartRefused } from '../errors.ts';
import { parseReference, type ReferenceSpace } from '../identifiers/identifier.ts';
import { type FailureReason, reasonOfError, reasonOfStatus } from '../outbound/failure-reason.ts';
import {
  answerPathSetting,
  type JsonObject,
  parseAnswerPath,
  parseJsonObject,
  valueAt,
} from '../outbound/json-answer.ts';
import { OutboundError, type OutboundRequest, type OutboundResponse } from '../outbound/outbound-types.ts';
import { requestPathSetting } from '../outbound/outbound-settings.ts';
import { nameSetting } from '../platform/settings.ts';
import type { AuthenticationOutcome, Authenticator, AuthenticatorDeps, Proof } from './authenticator.ts';

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const memberName = z.string().regex(/^_?[A-Za-z][A-Za-z0-9_.-]{0,63}$/, 'must be the name of a field');
const status = z.int().min(200).max(499);

/** What an answer must look like: a status, a value at a path, or both. */
const markerSetting = z
  .strictObject({ status: status.optional(), path: answerPathSetting.optional(), value: scalar.optional() })
  .refine((marker) => (marker.path === undefined) === (marker.value === undefined), {
    message: 'path and value go together',
  })
  .refine((marker) => marker.status !== undefined || marker.path !== undefined, {
    message: 'must name a status, or a path and a value',
  });

const optionsSchema = z.strictObject({
  name: nameSetting,
  type: z.literal('http'),
  reference_space: nameSetting,
  /** Name of a connection. */
  connection: nameSetting,
  request: z.strictObject({
    method: z.literal('POST').default('POST'),
    path: requestPathSetting,
    format: z.enum(['json', 'form']).default('json'),
    username_field: memberName.default('username'),
    password_field: memberName.default('password'),
    /** Further members with constant values. */
    extra: z.record(memberName, scalar).default({}),
  }),
  answer: z.strictObject({
    /** Where the customer's immutable id stands in the answer to a right password. */
    reference: answerPathSetting,
    success: z
      .strictObject({
        status: z.array(z.int().min(200).max(299)).min(1).default([200]),
        /** For interfaces that answer 200 to a wrong password too. */
        equals: z.strictObject({ path: answerPathSetting, value: scalar }).optional(),
      })
      .default({ status: [200] }),
    /** Statuses that mean a wrong name or password. */
    refused_statuses: z.array(z.int().min(400).max(499)).default([401, 403, 404, 422]),
    /** A wrong name or password told by something else than the status. */
    refused: markerSetting.optional(),
    locked: markerSetting.optional(),
    password_change_required: markerSetting.optional(),
  }),
});

export type HttpAuthenticatorOptions = z.infer<typeof optionsSchema>;

type Marker = z.infer<typeof markerSetting>;

const DEADLINE_MS = 5_000;
const RETRY_AFTER_SECONDS = 5;
const MAX_RETRY_AFTER_SECONDS = 60;

function unavailable(
  reason: FailureReason,
  { busy = false, retryAfterSeconds = RETRY_AFTER_SECONDS } = {},
): AuthenticationOutcome {
  return { outcome: 'unavailable', busy, retryAfterSeconds, reason };
}

function retryAfterOf(response: OutboundResponse): number {
  const stated = response.headers['retry-after'] ?? '';
  if (!/^\d{1,6}$/.test(stated)) return RETRY_AFTER_SECONDS;
  return Math.min(Math.max(Number(stated), 1), MAX_RETRY_AFTER_SECONDS);
}

/**
 * A 401 of a log-in API usually speaks of the customer. Only one that says in the words of RFC 6750 section 3.1 that
 * our access token is bad is about us; sending the password twice on every 401 would lock accounts twice as fast.
 */
function refusesOurToken(response: OutboundResponse): boolean {
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

function loginRequest(options: HttpAuthenticatorOptions, proof: Proof, requestId: string): OutboundRequest {
  const { request } = options;
  const members: Record<string, string | number | boolean | null> = {
    ...request.extra,
    [request.username_field]: proof.username,
    [request.password_field]: proof.password,
  };
  const json = request.format === 'json';
  const form = new URLSearchParams();
  if (!json) for (const name in members) form.set(name, String(members[name]));
  return {
    method: request.method,
    path: request.path,
    headers: {
      accept: 'application/json',
      'content-type': json ? 'application/json' : 'application/x-www-form-urlencoded',
      'x-request-id': requestId,
    },
    body: json ? JSON.stringify(members) : form.toString(),
  };
}

/** Reads the answer of the log-in API; whatever was not configured to mean something is "could not tell". */
function createReader(
  options: HttpAuthenticatorOptions,
): (response: OutboundResponse) => AuthenticationOutcome {
  const { answer } = options;
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
    if (refusesOurToken(response)) return unavailable('no_credentials');
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
    return { outcome: 'authenticated', space: options.reference_space as ReferenceSpace, reference };
  };
}

/** Throws `StartRefused` when the options name a connection that is not configured. */
function create(
  options: HttpAuthenticatorOptions,
  deps: Pick<AuthenticatorDeps, 'connections' | 'reportFailure'>,
): Authenticator {
  const connection = deps.connections.get(options.connection);
  if (!connection) throw new StartRefused(`authenticators.${options.name}.connection names no connection.`);
  const read = createReader(options);
  const ask = async (
    request: OutboundRequest,
  ): Promise<{ outcome: AuthenticationOutcome; status?: number }> => {
    try {
      const limits = { totalTimeoutMs: DEADLINE_MS, refusesCredentials: refusesOurToken };
      const response = await connection.request(request, limits);
      return { outcome: read(response), status: response.status };
    } catch (error) {
      if (!(error instanceof OutboundError)) throw error;
      return { outcome: unavailable(reasonOfError(error), { busy: error.failure === 'busy' }) };
    }
  };
  return {
    name: options.name,
    type: options.type,
    async authenticate(proof, context) {
      // An interface in front of LDAP may take an empty password for an anonymous bind, that is, for a success.
      if (proof.username === '' || proof.password === '')
        return { outcome: 'refused', reason: 'credentials' };
      const { outcome, status: answered } = await ask(loginRequest(options, proof, context.requestId));
      if (outcome.outcome === 'unavailable' && outcome.reason !== undefined) {
        deps.reportFailure({
          event: 'authenticator.failed',
          name: options.name,
          reason: outcome.reason,
          status: answered,
          requestId: context.requestId,
        });
      }
      return outcome;
    },
    async probe() {
      const { path } = options.request;
      try {
        const { status: answered } = await connection.request({ method: 'GET', path, headers: {} });
        const message = `${connection.origin} answered ${answered} to a request without anybody's credentials`;
        if (answered >= 500) return { ok: false, message: `${message}: it does not work at the moment.` };
        if (answered === 401 || answered === 403) {
          const advice = "reached; it may be refusing our own credentials: check the connection's auth";
          return { ok: true, warning: true, message: `${message}: ${advice}.` };
        }
        return { ok: true, message: `${message}: reached.` };
      } catch (error) {
        return { ok: false, message: failureSentence(error) };
      }
    },
    close: () => Promise.resolve(),
  };
}

/** The company's own log-in API as an authenticator: `options.connection` says where, `answer` what it means. */
export const httpAuthenticator = { type: 'http' as const, optionsSchema, create };
