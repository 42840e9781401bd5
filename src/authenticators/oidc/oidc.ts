import { setTimeout as after } from 'node:timers/promises';
import type { ReferenceSpace } from '../../identifiers/identifier.ts';
import { type FailureReason, reasonOfError, reasonOfStatus } from '../../outbound/failure-reason.ts';
import { readJsonObject } from '../../outbound/json-answer.ts';
import { OutboundError } from '../../outbound/outbound-types.ts';
import { challengeOf, newVerifier } from '../../platform/pkce.ts';
import { randomToken } from '../../platform/random.ts';
import {
  type AuthenticationContext,
  type AuthenticationOutcome,
  type Authenticator,
  type AuthenticatorDeps,
  CALLBACK_PATH,
  type RedirectAnswerProof,
  type RedirectRequest,
  type RedirectStart,
} from '../authenticator.ts';
import { createCancellation } from '../cancellation.ts';
import { createKeySet } from '../jwt/key-set.ts';
import { createLogoutTokens } from '../jwt/logout-token.ts';
import { createClientProof } from './oidc-client.ts';
import { checkIdToken, type IdTokenFault } from './oidc-id-token.ts';
import { probeOidc } from './oidc-probe.ts';
import { createOidcProvider, type ProviderEndpoints } from './oidc-provider.ts';
import { type OidcSettings, oidcSettings, tokenRulesOf } from './oidc-settings.ts';
import { checkSignature } from '../jwt/jwt-signature.ts';

const RETRY_AFTER_SECONDS = 5;
const MAX_CODE_LENGTH = 4_096;

/** The customer did not sign in, or not in the way asked for (RFC 6749 section 4.1.2.1, OIDC Core 1.0 section 3.1.2.6). */
const CUSTOMER_ERRORS = new Set([
  'access_denied',
  'login_required',
  'interaction_required',
  'consent_required',
  'account_selection_required',
  'unmet_authentication_requirements',
]);

type Unavailable = Extract<AuthenticationOutcome, { outcome: 'unavailable' }>;

/** Why an answer proves nothing: for the operator's log, never for the caller. */
type AnswerFault =
  | IdTokenFault
  | 'answer_issuer'
  | 'no_code'
  | 'code_refused'
  | 'no_id_token'
  | `provider_${string}`;

/** `undecided`: the provider could not tell, or refuses us rather than the customer. */
type Faulty = { fault: AnswerFault; undecided?: true };

type Judged = AuthenticationOutcome | Faulty;

/** What `begin` leaves for the end of the same sign-in. */
interface Memory {
  nonce: string;
  /** RFC 7636 section 4.1. */
  verifier: string;
  maxAgeSeconds?: number | undefined;
}

type OidcDeps = Pick<
  AuthenticatorDeps,
  'httpClient' | 'clock' | 'logger' | 'replays' | 'reportFailure' | 'publicUrl'
>;

const unavailable = (reason?: FailureReason): Unavailable => ({
  outcome: 'unavailable',
  busy: reason === 'busy',
  retryAfterSeconds: RETRY_AFTER_SECONDS,
  ...(reason === undefined ? {} : { reason }),
});

/** The shorter one of two ages, either of which may be absent. */
function shorter(one: number | undefined, other: number | undefined): number | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return Math.min(one, other);
}

/** The authorization request (OIDC Core 1.0 section 3.1.2.1, RFC 7636 section 4.3). */
function authorizationRequest(
  settings: OidcSettings,
  endpoints: ProviderEndpoints,
  request: { redirectUri: string; memory: Memory } & RedirectRequest,
): string {
  const { memory } = request;
  const url = new URL(endpoints.authorizationUrl);
  const set = (name: string, value: string | undefined) => {
    if (value !== undefined) url.searchParams.set(name, value);
  };
  for (const [name, value] of Object.entries(settings.parameters)) set(name, value);
  set('response_type', 'code');
  set('response_mode', settings.response_mode === 'query' ? undefined : settings.response_mode);
  set('client_id', settings.client_id);
  set('redirect_uri', request.redirectUri);
  set('scope', settings.scopes.join(' '));
  set('state', request.state);
  set('nonce', memory.nonce);
  set('code_challenge', challengeOf(memory.verifier));
  set('code_challenge_method', 'S256');
  set('prompt', settings.prompt ?? request.prompt);
  set('max_age', memory.maxAgeSeconds?.toString());
  set('acr_values', settings.acr_values?.join(' '));
  return url.href;
}

/** What stands in the redirect before any code is looked at; `undefined`: a code, from the right issuer. */
function redirectFault(
  { issuer }: OidcSettings,
  { sendsIssuer }: ProviderEndpoints,
  { iss, error, code }: RedirectAnswerProof['parameters'],
): Faulty | undefined {
  // RFC 9207 section 2.4: an answer of another provider must not be taken for one of this provider.
  if (iss === undefined ? sendsIssuer : iss !== issuer) return { fault: 'answer_issuer' };
  if (error !== undefined) {
    if (CUSTOMER_ERRORS.has(error)) return { fault: `provider_${error}` };
    return { fault: `provider_${/^[a-z_]{1,64}$/.test(error) ? error : 'error'}`, undecided: true };
  }
  return code === undefined || code === '' || code.length > MAX_CODE_LENGTH
    ? { fault: 'no_code' }
    : undefined;
}

/** Finishing a sign-in: the redirect's code for an ID token, and what that token proves. */
function createFinish(settings: OidcSettings, deps: OidcDeps, redirectUri: string) {
  const { clock } = deps;
  const provider = createOidcProvider(settings, deps);
  const proveClient = createClientProof(settings, deps);
  const rules = tokenRulesOf(settings);
  const keySet = createKeySet(rules, deps);

  /** The ID token of a code; a code that the provider does not know (any more) is `code_refused`. */
  const redeem = async (
    endpoints: ProviderEndpoints,
    code: string,
    verifier: string,
  ): Promise<{ idToken: string } | Faulty | Unavailable> => {
    const { form, headers } = await proveClient(endpoints);
    const asked = new URLSearchParams({
      grant_type: 'authorization_code',
      code,
      redirect_uri: redirectUri,
      code_verifier: verifier,
      ...form,
    });
    const response = await provider.postToToken(endpoints, asked, headers);
    const answer = readJsonObject(response);
    if (response.status === 200) {
      const idToken = answer?.id_token;
      return typeof idToken === 'string' ? { idToken } : { fault: 'no_id_token', undecided: true };
    }
    if (answer?.error === 'invalid_grant') return { fault: 'code_refused' };
    return unavailable(reasonOfStatus(response.status));
  };

  const finish = async ({ parameters, memory }: RedirectAnswerProof): Promise<Judged> => {
    const { nonce, verifier, maxAgeSeconds } = JSON.parse(memory) as Memory;
    const endpoints = await provider.endpoints();
    const early = redirectFault(settings, endpoints, parameters);
    if (early) return early;
    const redeemed = await redeem(endpoints, parameters.code as string, verifier);
    if (!('idToken' in redeemed)) return redeemed;
    const nowSeconds = clock.nowMs() / 1000;
    const expected = { nonce, maxAgeSeconds, acrValues: settings.acr_values };
    const checked = await checkIdToken(redeemed.idToken, expected, { rules, keySet, nowSeconds });
    if (checked.verdict === 'unknown') return unavailable();
    if (checked.verdict === 'wrong') return { fault: checked.fault };
    return {
      outcome: 'authenticated',
      space: settings.reference_space as ReferenceSpace,
      reference: checked.reference,
      // `iat` has no milliseconds: a sign-out earlier in the same second must not end it.
      provenAtMs: Math.min(Math.floor(checked.issuedAtSeconds) * 1000 + 999, clock.nowMs()),
      checkedAtMs: checked.checkedAtMs,
    };
  };
  return { provider, proveClient, rules, keySet, finish };
}

/** Throws `StartRefused` for an address that we may not call. */
function create(options: OidcSettings, deps: OidcDeps): Authenticator {
  const { clock, logger, replays } = deps;
  const redirectUri = `${deps.publicUrl}${CALLBACK_PATH}/${options.name}`;
  const { provider, proveClient, rules, keySet, finish } = createFinish(options, deps, redirectUri);
  const cancellation = createCancellation();

  const report = (outcome: Unavailable, { requestId }: AuthenticationContext): Unavailable => {
    if (outcome.reason !== undefined) {
      deps.reportFailure({
        event: 'authenticator.failed',
        name: options.name,
        reason: outcome.reason,
        requestId,
      });
    }
    return outcome;
  };

  /** All calls of one step together have `timeout_ms`; closing ends the wait. What is late is "could not tell". */
  const bounded = async <T>(
    context: AuthenticationContext,
    work: () => Promise<T>,
  ): Promise<T | Unavailable> => {
    const done = new AbortController();
    const signal = AbortSignal.any([cancellation.signalFor(context), done.signal]);
    const late = after(options.timeout_ms, undefined, { signal }).catch(() => undefined);
    try {
      return await Promise.race([work(), late.then(() => unavailable('timeout'))]);
    } catch (error) {
      if (!(error instanceof OutboundError)) throw error;
      return unavailable(reasonOfError(error));
    } finally {
      done.abort();
    }
  };

  return {
    name: options.name,
    type: options.type,
    redirect: {
      responseMode: options.response_mode,
      begin: async (request, context) => {
        if (request.prompt === 'none' && options.prompt !== undefined) return { outcome: 'login_required' };
        const started = await bounded(context, async (): Promise<RedirectStart> => {
          const memory: Memory = {
            nonce: randomToken(24),
            verifier: newVerifier(),
            maxAgeSeconds: shorter(options.max_sign_in_age_seconds, request.maxAgeSeconds),
          };
          const endpoints = await provider.endpoints();
          const location = authorizationRequest(options, endpoints, { ...request, redirectUri, memory });
          return { outcome: 'redirect', location, memory: JSON.stringify(memory) };
        });
        return started.outcome === 'unavailable' ? report(started, context) : started;
      },
    },
    authenticate: async (proof, context) => {
      if (proof.kind !== 'redirect_answer' || proof.authenticator !== options.name) {
        return { outcome: 'not_mine' };
      }
      const judged = await bounded(context, () => finish(proof));
      if (!('fault' in judged)) {
        return judged.outcome === 'unavailable' ? report(judged, context) : judged;
      }
      // The customer learns no more than that it did not work; whoever connects the provider must know why.
      logger.log(judged.undecided ? 'warn' : 'info', {
        event: 'authenticator.answer_refused',
        authenticator: options.name,
        channel: context.channel,
        request_id: context.requestId,
        reason: judged.fault,
      });
      if (judged.undecided) return unavailable();
      return { outcome: 'refused', reason: 'credentials' };
    },
    readLogout: createLogoutTokens({
      settings: rules,
      clock,
      replays,
      checkSignature: (token, claimed) => checkSignature(token, claimed, keySet),
    }),
    probe: () => probeOidc({ settings: options, provider, keySet, proveClient, redirectUri }),
    close: async () => cancellation.close(),
  };
}

/** Sign-in at an OpenID Connect provider of the company by authorization code and PKCE, in the customer's browser. */
export const oidcAuthenticator = { type: 'oidc' as const, optionsSchema: oidcSettings, create };
