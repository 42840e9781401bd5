import { z } from 'zod';
import { failureSentence, reasonSentence } from '../connections/failure-sentence.ts';
import { StartRefused } from '../errors.ts';
import { OutboundError, type OutboundRequest } from '../outbound/outbound-types.ts';
import { requestPathSetting } from '../outbound/outbound-settings.ts';
import { nameSetting } from '../platform/settings.ts';
import type {
  AuthenticationOutcome,
  Authenticator,
  AuthenticatorDeps,
  PasswordProof,
} from './authenticator.ts';
import { createCancellation } from './cancellation.ts';
import {
  createAnswerReader,
  loginAnswerSetting,
  refusesOurToken,
  scalarSetting,
  unavailableBy,
} from './login-answer.ts';

const memberName = z.string().regex(/^_?[A-Za-z][A-Za-z0-9_.-]{0,63}$/, 'must be the name of a field');

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
    extra: z.record(memberName, scalarSetting).default({}),
  }),
  answer: loginAnswerSetting([401, 403, 404, 422]),
});

export type HttpAuthenticatorOptions = z.infer<typeof optionsSchema>;

const DEADLINE_MS = 5_000;

function loginRequest(
  options: HttpAuthenticatorOptions,
  proof: PasswordProof,
  requestId: string,
): OutboundRequest {
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

/** Throws `StartRefused` when the options name a connection that is not configured. */
function create(
  options: HttpAuthenticatorOptions,
  deps: Pick<AuthenticatorDeps, 'connections' | 'reportFailure'>,
): Authenticator {
  const connection = deps.connections.get(options.connection);
  if (!connection) throw new StartRefused(`authenticators.${options.name}.connection names no connection.`);
  const read = createAnswerReader({
    answer: options.answer,
    space: options.reference_space,
    refusesUs: refusesOurToken,
  });
  const cancellation = createCancellation();
  const ask = async (
    request: OutboundRequest,
    signal: AbortSignal,
  ): Promise<{ outcome: AuthenticationOutcome; status?: number }> => {
    try {
      // A 429 of a log-in API is often about one customer: it must not keep the others out.
      const limits = {
        totalTimeoutMs: DEADLINE_MS,
        refusesCredentials: refusesOurToken,
        sharesLimit: false,
        signal,
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
      const signal = cancellation.signalFor(context);
      const { outcome, status: answered } = await ask(
        loginRequest(options, proof, context.requestId),
        signal,
      );
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
    async probe() {
      const { path } = options.request;
      try {
        const response = await connection.request({ method: 'GET', path, headers: {} });
        const { status: answered } = response;
        const message = `${connection.origin} answered ${answered} to a request without anybody's credentials`;
        if (answered >= 300 && answered < 400) {
          return { ok: false, message: `${message}: redirects are not followed. Correct request.path.` };
        }
        if (answered < 300 && /html/i.test(response.headers['content-type'] ?? '')) {
          const found = 'it is a page for people. Correct request.path, or let this service past the proxy';
          return { ok: false, message: `${message}: ${found}.` };
        }
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
    close: async () => cancellation.close(),
  };
}

/** The company's own log-in API as an authenticator: `options.connection` says where, `answer` what it means. */
export const httpAuthenticator = { type: 'http' as const, optionsSchema, create };
