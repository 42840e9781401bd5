import { z } from 'zod';
import { failureSentence } from '../../connections/failure-sentence.ts';
import { StartRefused } from '../../errors.ts';
import { headerNameSetting, requestPathSetting } from '../../outbound/outbound-settings.ts';
import { OutboundError, type OutboundRequest, type OutboundResponse } from '../../outbound/outbound-types.ts';
import { nameSetting } from '../../platform/settings.ts';
import type {
  AuthenticationContext,
  AuthenticationOutcome,
  Authenticator,
  AuthenticatorDeps,
  CarriedNames,
  SiteSessionProof,
} from '../authenticator.ts';
import { isCarriedCookie } from './carried-names.ts';
import { createCancellation } from '../cancellation.ts';
import {
  createAnswerReader,
  loginAnswerSetting,
  refusesOurToken,
  unavailableBy,
} from '../http/login-answer.ts';
import { createSiteAnswers } from './site-answers.ts';

/** Headers that a browser sets, or that mean something to this service; none of them is the site's credential. */
const NOT_CREDENTIALS =
  /^(cookie|origin|referer|accept|accept-.*|sec-.*|forwarded|x-forwarded-.*|x-symbolon-.*)$/;

/** A cookie name (RFC 6265 section 4.1.1) with at least four characters before a `*`. */
const cookieSetting = z
  .string()
  .regex(
    /^(?:[A-Za-z0-9!#$%&'+.^_`|~-]{1,128}|[A-Za-z0-9!#$%&'+.^_`|~-]{4,128}\*)$/,
    'must be the name of a cookie, or at least four characters of its beginning and a *',
  );

const optionsSchema = z
  .strictObject({
    name: nameSetting,
    type: z.literal('site_session'),
    reference_space: nameSetting,
    /** Name of a connection. */
    connection: nameSetting,
    /** The company's own "who am I" address. */
    request: z.strictObject({
      method: z.enum(['GET', 'POST']).default('GET'),
      path: requestPathSetting,
    }),
    /** Cookies of the site's own session; nothing else of a browser's cookies is passed on. */
    cookies: z.array(cookieSetting).max(20).default([]),
    headers: z
      .array(headerNameSetting.refine((name) => !NOT_CREDENTIALS.test(name), 'is no credential of a site'))
      .max(10)
      .default([]),
    answer: loginAnswerSetting([401, 403]),
    /** How long an answer may stand for the same cookies. */
    cache_seconds: z.int().min(0).max(30).default(0),
  })
  .refine(({ cookies, headers }) => cookies.length + headers.length > 0, {
    message: 'must name at least one cookie or header of the site',
    path: ['cookies'],
  });

export type SiteSessionOptions = z.infer<typeof optionsSchema>;

const DEADLINE_MS = 5_000;
/** Somebody who signs out while the site answers is asked about once more, not for ever. */
const MAX_QUESTIONS = 2;

/** The credentials of a proof that this authenticator may pass on, as headers; `undefined`: none. */
function forwardedHeaders(proof: SiteSessionProof, names: CarriedNames): Record<string, string> | undefined {
  const forwarded: Record<string, string> = {};
  for (const name of names.headers) {
    const value = proof.headers[name];
    if (value !== undefined) forwarded[name] = value;
  }
  const cookies = proof.cookies.filter(([name]) => isCarriedCookie(names, name));
  if (cookies.length > 0) forwarded.cookie = cookies.map(([name, value]) => `${name}=${value}`).join('; ');
  return Object.keys(forwarded).length > 0 ? forwarded : undefined;
}

function whoAmI(
  { request }: SiteSessionOptions,
  forwarded: Record<string, string>,
  requestId?: string,
): OutboundRequest {
  return {
    method: request.method,
    path: request.path,
    headers: {
      ...forwarded,
      accept: 'application/json',
      ...(requestId === undefined ? {} : { 'x-request-id': requestId }),
    },
  };
}

/** What a question without any cookie tells about the configuration. */
function probeVerdict(origin: string, outcome: AuthenticationOutcome, status: number) {
  const answered = `${origin} answered ${status} to a request without any cookie`;
  switch (outcome.outcome) {
    case 'authenticated':
      return {
        ok: false,
        message: `${answered} and named a customer: everybody would be that customer. Correct the address.`,
      };
    case 'refused':
      return { ok: true, message: `${answered}: nobody is signed in, as it should be.` };
    case 'not_mine':
    case 'unavailable':
      return {
        ok: false,
        message: `${answered}, which the settings under answer do not explain. It should say that nobody is signed in, with 401 and JSON.`,
      };
  }
}

/** Throws `StartRefused` when the options do not fit the connection that they name. */
function create(
  options: SiteSessionOptions,
  deps: Pick<AuthenticatorDeps, 'connections' | 'clock' | 'endedReferences' | 'reportFailure'>,
): Authenticator {
  const { clock, endedReferences } = deps;
  const setting = `authenticators.${options.name}`;
  const connection = deps.connections.get(options.connection);
  if (!connection) throw new StartRefused(`${setting}.connection names no connection.`);
  const carries: CarriedNames = { cookies: options.cookies, headers: options.headers };
  const twice = [...options.headers, 'cookie'].find((name) => connection.authHeaders.has(name));
  if (twice !== undefined) {
    throw new StartRefused(
      `${setting} passes on the header ${twice}, which connections.${options.connection} sets itself.`,
    );
  }
  // A 401 about a token that the customer's page sent is about the customer.
  const refusesUs = (response: OutboundResponse) =>
    !options.headers.includes('authorization') && refusesOurToken(response);
  const read = createAnswerReader({ answer: options.answer, space: options.reference_space, refusesUs });
  const cancellation = createCancellation();
  const answers = createSiteAnswers({ clock, keepSeconds: options.cache_seconds });
  const callOptions = { totalTimeoutMs: DEADLINE_MS, refusesCredentials: refusesUs, sharesLimit: false };

  const report = (
    outcome: AuthenticationOutcome,
    { requestId }: AuthenticationContext,
    status?: number,
  ): AuthenticationOutcome => {
    if (outcome.outcome === 'unavailable' && outcome.reason !== undefined) {
      const { reason } = outcome;
      deps.reportFailure({ event: 'authenticator.failed', name: options.name, reason, status, requestId });
    }
    return outcome;
  };

  const ask = async (
    forwarded: Record<string, string>,
    context: AuthenticationContext,
  ): Promise<AuthenticationOutcome> => {
    const signal = cancellation.signalFor(context);
    try {
      const request = whoAmI(options, forwarded, context.requestId);
      const response = await connection.send(request, { ...callOptions, signal });
      return report(read(response), context, response.status);
    } catch (error) {
      if (!(error instanceof OutboundError)) throw error;
      const outcome = unavailableBy(error);
      return signal.aborted ? outcome : report(outcome, context);
    }
  };

  return {
    name: options.name,
    type: options.type,
    carries,
    async authenticate(proof, context) {
      if (proof.kind !== 'site_session') return { outcome: 'not_mine' };
      const forwarded = forwardedHeaders(proof, carries);
      if (!forwarded) return { outcome: 'not_mine' };
      const credentials = Object.entries(forwarded).flat();
      const known = answers.find(credentials);
      if (known && !endedReferences.endedSince(known)) return { outcome: 'authenticated', ...known };
      answers.forget(credentials);
      for (let asked = 0; asked < MAX_QUESTIONS; asked++) {
        const provenAtMs = clock.nowMs();
        const askedMs = clock.monotonicMs();
        const outcome = await ask(forwarded, context);
        if (outcome.outcome !== 'authenticated') return outcome;
        const answer = { space: outcome.space, reference: outcome.reference, provenAtMs };
        // The site may have answered just before the customer signed out there.
        if (endedReferences.endedSince(answer)) continue;
        answers.keep(credentials, answer, askedMs);
        return { outcome: 'authenticated', ...answer };
      }
      return { outcome: 'refused', reason: 'credentials' };
    },
    async probe() {
      try {
        const response = await connection.send(whoAmI(options, {}), callOptions);
        return probeVerdict(connection.origin, read(response), response.status);
      } catch (error) {
        return { ok: false, message: failureSentence(error) };
      }
    },
    close: async () => {
      cancellation.close();
      answers.clear();
    },
  };
}

/** The session of the company's own site as an authenticator: whoever is signed in there is signed in here. */
export const siteSessionAuthenticator = { type: 'site_session' as const, optionsSchema, create };
