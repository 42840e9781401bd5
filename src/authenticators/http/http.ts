import { z } from 'zod';
import type { Connection } from '../../connections/connection.ts';
import { failureSentence, reasonSentence } from '../../connections/failure-sentence.ts';
import { StartRefused } from '../../errors.ts';
import { OutboundError, type OutboundRequest, type OutboundResponse } from '../../outbound/outbound-types.ts';
import { nameSetting } from '../../platform/settings.ts';
import type {
  AuthenticationOutcome,
  Authenticator,
  AuthenticatorDeps,
  ProbeResult,
} from '../authenticator.ts';
import { laneOf } from '../caller-lane.ts';
import { createCancellation } from '../cancellation.ts';
import { createAnswerReader, loginAnswerSetting, refusesOurToken, unavailableBy } from './login-answer.ts';
import { loginRequest, loginRequestSetting, probeRequest } from './login-request.ts';
import { isPossibleName } from '../user-name.ts';

const optionsSchema = z.strictObject({
  name: nameSetting,
  type: z.literal('http'),
  reference_space: nameSetting,
  /** Name of a connection. */
  connection: nameSetting,
  request: loginRequestSetting,
  answer: loginAnswerSetting([401, 403, 404, 422]),
});

export type HttpAuthenticatorOptions = z.infer<typeof optionsSchema>;

const DEADLINE_MS = 5_000;

/** The connection of the options. Throws `StartRefused` where there is none, or where it sets a header of ours itself. */
function connectionOf(
  { name, connection: wanted, request }: HttpAuthenticatorOptions,
  connections: AuthenticatorDeps['connections'],
): Connection {
  const connection = connections.get(wanted);
  if (!connection) throw new StartRefused(`authenticators.${name}.connection names no connection.`);
  const ours = [...Object.keys(request.headers), ...(request.basic ? ['authorization'] : [])];
  const twice = ours.find((header) => connection.authHeaders.has(header));
  if (twice !== undefined) {
    throw new StartRefused(
      `authenticators.${name}.request sends the header ${twice}, which connections.${wanted} sets itself.`,
    );
  }
  return connection;
}

/**
 * Whether this status speaks of the customer: `refused_statuses` names it and leaves out the other one of 401 and 403,
 * which is then what the API answers to credentials of ours. With both named, as by default, nobody can tell.
 */
const speaksOfCustomer = (status: 401 | 403, refused: readonly number[]): boolean =>
  refused.includes(status) && !refused.includes(status === 401 ? 403 : 401);

/** What a request without anybody's credentials tells about the configuration. */
function probeVerdict(
  options: HttpAuthenticatorOptions,
  { response, origin, hasAuth }: { response: OutboundResponse; origin: string; hasAuth: boolean },
  outcome: AuthenticationOutcome,
): ProbeResult {
  const { status: answered } = response;
  const message = `${origin} answered ${answered} to a request without anybody's credentials`;
  if (outcome.outcome === 'authenticated') {
    return {
      ok: false,
      message: `${message} and named a customer: everybody would be that customer. Correct request.path and what stands under answer.`,
    };
  }
  if (answered >= 300 && answered < 400) {
    return { ok: false, message: `${message}: redirects are not followed. Correct request.path.` };
  }
  if (answered < 300 && /html/i.test(response.headers['content-type'] ?? '')) {
    const found = 'it is a page for people. Correct request.path, or let this service past the proxy';
    return { ok: false, message: `${message}: ${found}.` };
  }
  if (answered >= 500) return { ok: false, message: `${message}: it does not work at the moment.` };
  if (answered === 401 && options.request.basic) {
    return { ok: true, message: `${message}: reached; it asks for a name and a password.` };
  }
  const refuses = options.answer.refused_statuses.includes(answered) && !refusesOurToken(response);
  if (refuses && !hasAuth) {
    return { ok: true, message: `${message}: reached; it refuses an empty sign-in.` };
  }
  if (answered === 401 || answered === 403) {
    if (refuses && speaksOfCustomer(answered, options.answer.refused_statuses)) {
      return { ok: true, message: `${message}: reached; it refuses an empty sign-in, as configured.` };
    }
    const advice = "reached; it may be refusing our own credentials: check the connection's auth";
    return { ok: true, warning: true, message: `${message}: ${advice}.` };
  }
  return { ok: true, message: `${message}: reached.` };
}

function createProbe(
  options: HttpAuthenticatorOptions,
  connection: Connection,
  read: (response: OutboundResponse) => AuthenticationOutcome,
): Authenticator['probe'] {
  return async () => {
    try {
      const response = await connection.request(probeRequest(options.request));
      const { origin, authHeaders } = connection;
      return probeVerdict(options, { response, origin, hasAuth: authHeaders.size > 0 }, read(response));
    } catch (error) {
      return { ok: false, message: failureSentence(error) };
    }
  };
}

/** Throws `StartRefused` for a connection that is not configured, and for a header that it sets itself. */
function create(
  options: HttpAuthenticatorOptions,
  deps: Pick<AuthenticatorDeps, 'connections' | 'reportFailure'>,
): Authenticator {
  const connection = connectionOf(options, deps.connections);
  const read = createAnswerReader({
    answer: options.answer,
    space: options.reference_space,
    refusesUs: refusesOurToken,
  });
  const cancellation = createCancellation();
  const ask = async (
    request: OutboundRequest,
    { signal, lane }: { signal: AbortSignal; lane: string | undefined },
  ): Promise<{ outcome: AuthenticationOutcome; status?: number }> => {
    try {
      // A 429 of a log-in API is often about one customer: it must not keep the others out.
      const limits = {
        totalTimeoutMs: DEADLINE_MS,
        refusesCredentials: refusesOurToken,
        sharesLimit: false,
        // Whatever the method: a password that is sent twice locks an account twice as fast.
        idempotent: false,
        signal,
        // Networks take turns: no one of them has all connections.
        lane,
      };
      const response = await connection.request(request, limits);
      return { outcome: read(response), status: response.status };
    } catch (error) {
      if (!(error instanceof OutboundError)) throw error;
      return { outcome: unavailableBy(error) };
    }
  };
  return {
    name: options.name,
    type: options.type,
    async authenticate(proof, context) {
      if (proof.kind !== 'password') return { outcome: 'not_mine' };
      // An interface in front of LDAP may take an empty password for an anonymous bind, that is, for a success.
      const note = context.note ?? (() => {});
      if (proof.username === '' || proof.password === '') {
        note('An empty name or password is never sent.');
        return { outcome: 'refused', reason: 'credentials' };
      }
      if (!isPossibleName(proof.username)) {
        note('A name with a control character or half of a character is never sent.');
        return { outcome: 'refused', reason: 'credentials' };
      }
      const request = loginRequest(options.request, proof, context.requestId);
      if (!request) {
        note('This name or password cannot be sent unchanged to where `request` puts it.');
        return { outcome: 'refused', reason: 'credentials' };
      }
      const signal = cancellation.signalFor(context);
      const { outcome, status: answered } = await ask(request, { signal, lane: laneOf(context) });
      if (signal.aborted && answered === undefined) return outcome;
      const { origin } = connection;
      note(answered === undefined ? `${origin} gave no answer.` : `${origin} answered ${answered}.`);
      if (outcome.outcome === 'unavailable' && outcome.reason !== undefined) {
        note(`It ${reasonSentence(outcome.reason)}.`);
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
    probe: createProbe(options, connection, read),
    close: async () => cancellation.close(),
  };
}

/** The company's own log-in API as an authenticator: `options.connection` says where, `answer` what it means. */
export const httpAuthenticator = { type: 'http' as const, optionsSchema, create };
