import { hash } from 'node:crypto';
import type { Request, Response } from 'express';
import { z } from 'zod';
import type { createAuthenticateCustomer } from '../../customers/sign-in/authenticate-customer.ts';
import type { EndSessions } from '../../customers/sessions/end-sessions.ts';
import type { Channels } from '../../channels/channel.ts';
import { BridgeError } from '../../errors.ts';
import { callerNetwork } from '../../limits/caller-network.ts';
import type { Authorize } from '../../oauth/authorize.ts';
import type { AuthorizationRequest, ReadAuthorization } from '../../oauth/authorization-request.ts';
import { withoutSignInAnew } from '../../oauth/openid-request.ts';
import type { Parameters } from '../../oauth/parameters.ts';
import type { CustomerSession } from '../../sessions/session.ts';
import { parseQuery, readFields } from '../body.ts';
import { callerGone } from '../caller-gone.ts';
import type { Endpoint } from '../endpoint.ts';
import type { LimitGuard } from '../limit-guard.ts';
import { statusOf } from '../error-response.ts';
import { consentPage } from '../pages/consent.ts';
import { type FormStates, refuseForeignForm } from '../pages/form-states.ts';
import type { Pages } from '../pages/page.ts';
import { pageEndpoint } from '../pages/page-endpoint.ts';
import { problemPage } from '../pages/problem.ts';
import { signInPage } from '../pages/sign-in.ts';
import { header } from '../raw-headers.ts';
import { contextOf } from '../request-context.ts';
import type { SessionCookies } from '../session-cookie.ts';

export interface AuthorizeDeps {
  pages: Pages;
  formStates: FormStates;
  readAuthorization: ReadAuthorization;
  authorize: Authorize;
  authenticateCustomer: ReturnType<typeof createAuthenticateCustomer>;
  endSessions: EndSessions;
  sessionCookies: SessionCookies;
  channels: Channels;
  origins: { publicOrigin: string };
  limits: LimitGuard;
}

/** What the sign-in form brings back: where the customer wanted to go. */
export type SignInState = { to: 'authorize'; parameters: Parameters } | { to: 'connected-apps' };

export const CONNECTED_APPS_PATH = '/oauth/connected-apps';
const AUTHORIZE_PATH = '/oauth/authorize';
const SIGN_IN_PATH = '/oauth/sign-in';
const CONSENT_PATH = '/oauth/consent';
const MAX_FORM_BYTES = 49_152;
/** Of a request's query: it comes back in the state of a form and in an address of ours, and has to fit into both. */
const MAX_QUERY_LENGTH = 8_000;

/** Where the browser goes afterwards, as the consent page names it. */
function returnsTo(redirectUri: string): string {
  const url = new URL(redirectUri);
  return url.host === '' ? `the app on this device (${url.protocol.slice(0, -1)})` : url.host;
}

/** What the consent page showed of a profile; the customer's yes is to exactly this. */
function fieldsShown({ partner, scopes }: AuthorizationRequest): string {
  const fields = scopes.includes('profile:read') ? partner.visibleFields : [];
  return hash('sha256', JSON.stringify(fields), 'base64url');
}

/** Only a page that a person looks at may lead on: no frame, image or script, as far as the browser says so. */
export function refuseEmbedded(req: Request): void {
  const destination = header(req, 'sec-fetch-dest');
  if (destination === undefined || destination === 'document') return;
  throw new BridgeError('ORIGIN_NOT_ALLOWED', { message: 'This page opens in a window of its own only.' });
}

export interface SignInAgain {
  username?: string;
  error?: BridgeError;
}

/** Shows the sign-in form, with what went wrong the last time. */
export function showSignIn(
  deps: Pick<AuthorizeDeps, 'pages' | 'formStates'>,
  { req, res }: { req: Request; res: Response },
  form: { state: SignInState; request?: AuthorizationRequest | undefined } & SignInAgain,
): void {
  const { pages, formStates } = deps;
  const { boundTo, headers } = formStates.browser(req);
  const { request, error } = form;
  const page = signInPage({
    action: pages.basePath + SIGN_IN_PATH,
    state: formStates.seal('sign-in', boundTo, form.state),
    app: request?.client.label,
    username: form.username,
    problem: error?.message,
  });
  const wait = error?.retryAfterSeconds;
  pages.send(
    res,
    error ? statusOf(error.code) : 200,
    { ...page, formTarget: request?.redirectUri },
    { ...headers, ...(wait === undefined ? {} : { 'retry-after': wait }) },
  );
}

type Call = { req: Request; res: Response };

const tooLong = () => new BridgeError('INVALID_REQUEST', { message: 'The request of the app is too long.' });

/** What the consent form brings back. */
interface ConsentState {
  parameters: Parameters;
  /** Digest of the profile fields on the page. */
  shown: string;
}

function createAuthorizationPages(deps: AuthorizeDeps) {
  const { pages, formStates, authorize } = deps;

  /** Reads a request; what cannot be trusted ends on a page, what is wrong goes back to the app. */
  const readOrAnswer = async (
    { res }: Call,
    parameters: Parameters,
  ): Promise<AuthorizationRequest | undefined> => {
    const read = await deps.readAuthorization(parameters);
    if (read.outcome === 'valid') {
      contextOf(res).clientId = read.request.client.clientId;
      contextOf(res).partner = read.request.partner.id;
      return read.request;
    }
    const context = contextOf(res);
    if (read.outcome === 'untrusted') {
      context.code = 'invalid_request';
      pages.send(res, 400, problemPage(read.message, context.requestId));
    } else {
      context.code = read.error;
      pages.redirect(res, read.redirectTo);
    }
    return undefined;
  };

  /** Counts the request before anything is written: against the session, and where nobody is signed in the address. */
  const admit = async ({ req, res }: Call, session: CustomerSession | undefined): Promise<void> => {
    const context = contextOf(res);
    const subject = session
      ? ({ kind: 'session', id: deps.sessionCookies.presented(req) ?? session.sid } as const)
      : ({ kind: 'address', id: callerNetwork(context.address) } as const);
    await deps.limits.admit(context, [subject]);
  };

  const askConsent = ({ res }: Call, request: AuthorizationRequest, session: CustomerSession): void => {
    const { client, partner, scopes, redirectUri, parameters } = request;
    const page = consentPage({
      action: pages.basePath + CONSENT_PATH,
      state: formStates.seal('consent', session.sid, { parameters, shown: fieldsShown(request) }),
      app: client.label,
      partner: partner.name,
      company: pages.companyName,
      scopes,
      fields: partner.visibleFields,
      returnsTo: returnsTo(redirectUri),
      connectedAppsAddress: pages.basePath + CONNECTED_APPS_PATH,
    });
    pages.send(res, 200, { ...page, formTarget: redirectUri });
  };

  /** The address that begins the same request anew. */
  const againAt = (parameters: Parameters) =>
    `${pages.basePath}${AUTHORIZE_PATH}?${new URLSearchParams(parameters).toString()}`;

  return {
    begin: async (call: Call): Promise<void> => {
      refuseEmbedded(call.req);
      const parameters = parseQuery(call.req);
      if (againAt(parameters).length > MAX_QUERY_LENGTH) throw tooLong();
      const session = deps.sessionCookies.current(call.req);
      await admit(call, session);
      const request = await readOrAnswer(call, parameters);
      if (!request) return;
      if (session) contextOf(call.res).customerId = session.customerId;
      const next = await authorize.next(request, session);
      switch (next.step) {
        case 'refused':
          contextOf(call.res).code = next.error;
          return pages.redirect(call.res, next.redirectTo);
        case 'redirect':
          return pages.redirect(call.res, next.redirectTo);
        case 'consent':
          return askConsent(call, request, session as CustomerSession);
        case 'sign_in':
          return showSignIn(deps, call, {
            state: { to: 'authorize', parameters: request.parameters },
            request,
          });
      }
    },
    /**
     * The same request as a form (OpenID Connect Core 1.0 section 3.1.2.1). It comes from another site, and so without
     * our cookies: the browser is sent to the address that says the same, and brings them there.
     */
    beginByForm: async ({ req, res }: Call): Promise<void> => {
      refuseEmbedded(req);
      if (Object.keys(parseQuery(req)).length > 0) {
        throw new BridgeError('INVALID_REQUEST', {
          message: 'A request comes in the address or in the form.',
        });
      }
      const fields = (await readFields(req, ['form'], MAX_FORM_BYTES)) as Parameters;
      const address = againAt(fields);
      if (address.length > MAX_QUERY_LENGTH) throw tooLong();
      pages.redirect(res, address);
    },
    readOrAnswer,
    admit,
    againAt,
  };
}

const requestSchema = z.object({
  response_type: z.literal('code').optional(),
  client_id: z.string().optional(),
  redirect_uri: z.string().optional(),
  scope: z.string().optional(),
  state: z.string().optional(),
  code_challenge: z.string().optional(),
  code_challenge_method: z.literal('S256').optional(),
  nonce: z.string().optional().meta({ description: 'Of OpenID Connect: comes back in the ID token.' }),
  prompt: z
    .string()
    .optional()
    .meta({ description: 'Of OpenID Connect: none, login, consent or select_account.' }),
  max_age: z
    .string()
    .optional()
    .meta({ description: 'Of OpenID Connect: how old the sign-in may be, in seconds.' }),
  id_token_hint: z.string().optional().meta({
    description: 'Of OpenID Connect: an ID token that this app was given; no other customer gets a code.',
  }),
  channel: z
    .string()
    .optional()
    .meta({ description: 'Channel to sign in for. Default: one of the partner’s.' }),
});

const signInForm = z.object({ form: z.string(), username: z.string(), password: z.string() });
const consentForm = z.object({ form: z.string(), decision: z.enum(['allow', 'deny', 'switch']) });

/** What a password must be before anybody looks at it; anything else is simply wrong. */
function credentials(fields: Record<string, unknown>): { username: string; password: string } {
  const { username, password } = fields;
  const isText = (value: unknown, maxBytes: number): value is string =>
    typeof value === 'string' &&
    value !== '' &&
    Buffer.byteLength(value) <= maxBytes &&
    !value.includes('\0');
  if (!isText(username, 1_020) || username.length > 255 || !isText(password, 1_024)) {
    throw new BridgeError('INVALID_CREDENTIALS');
  }
  return { username, password };
}

/** `/oauth/authorize`, and the two forms that may follow it. */
export function authorizationPages(deps: AuthorizeDeps): Endpoint[] {
  const { pages, formStates, sessionCookies } = deps;
  const flow = createAuthorizationPages(deps);

  const signIn = async (req: Request, res: Response): Promise<void> => {
    refuseForeignForm(req, deps.origins.publicOrigin);
    const call = { req, res };
    await flow.admit(call, undefined);
    const fields = await readFields(req, ['form'], MAX_FORM_BYTES);
    const { boundTo } = formStates.browser(req);
    const state = await formStates.open<SignInState>('sign-in', boundTo, fields.form);
    const request = state.to === 'authorize' ? await flow.readOrAnswer(call, state.parameters) : undefined;
    if (state.to === 'authorize' && !request) return;
    const channel = request?.channels[0] ?? deps.channels.defaultChannel;
    const context = contextOf(res);
    context.channel = channel.id;
    try {
      const { requestId, address } = context;
      const proof = { kind: 'password' as const, ...credentials(fields) };
      const session = await deps.authenticateCustomer({
        proof,
        channel,
        address,
        requestId,
        signal: callerGone(res),
      });
      context.customerId = session.customerId;
      await sessionCookies.begin(req, session);
      const refused = request && (await deps.authorize.refusedAfterSignIn(request, session));
      if (refused !== undefined) {
        context.code = 'login_required';
        return pages.redirect(res, refused);
      }
    } catch (error) {
      if (!(error instanceof BridgeError)) throw error;
      context.code = error.code;
      const username = typeof fields.username === 'string' ? fields.username.slice(0, 255) : '';
      return showSignIn(deps, call, { state, request, username, error });
    }
    pages.redirect(
      res,
      state.to === 'authorize'
        ? flow.againAt(withoutSignInAnew(state.parameters))
        : pages.basePath + CONNECTED_APPS_PATH,
    );
  };

  const decide = async (req: Request, res: Response): Promise<void> => {
    refuseForeignForm(req, deps.origins.publicOrigin);
    const fields = await readFields(req, ['form'], MAX_FORM_BYTES);
    const session = sessionCookies.current(req);
    if (!session) throw new BridgeError('NOT_SIGNED_IN', { message: 'Your sign-in is over.' });
    const context = contextOf(res);
    context.customerId = session.customerId;
    await flow.admit({ req, res }, session);
    const state = await formStates.open<ConsentState>('consent', session.sid, fields.form);
    const request = await flow.readOrAnswer({ req, res }, state.parameters);
    if (!request) return;
    const { decision } = fields;
    if (decision === 'switch') {
      await deps.endSessions.signOut(session, false, context);
      await sessionCookies.end(req, res);
      return pages.redirect(res, flow.againAt(state.parameters));
    }
    if (decision !== 'allow' && decision !== 'deny') throw new BridgeError('INVALID_REQUEST');
    // The partner may see something else since the page was shown: the customer has to see that first.
    if (state.shown !== fieldsShown(request)) return pages.redirect(res, flow.againAt(state.parameters));
    const { requestId, address } = context;
    const redirectTo = await deps.authorize.decided(request, session, decision === 'allow', {
      requestId,
      address,
    });
    if (redirectTo === undefined)
      throw new BridgeError('NOT_SIGNED_IN', { message: 'Your sign-in is over.' });
    pages.redirect(res, redirectTo);
  };

  return [
    pageEndpoint({
      pages,
      method: 'get',
      path: AUTHORIZE_PATH,
      operationId: 'authorize',
      summary:
        'The authorization endpoint (RFC 6749 section 3.1, OpenID Connect Core 1.0 section 3.1.2): PKCE with S256 required',
      query: requestSchema,
      refusesHead: true,
      handle: (req, res) => flow.begin({ req, res }),
    }),
    pageEndpoint({
      pages,
      method: 'post',
      path: AUTHORIZE_PATH,
      operationId: 'authorizeByForm',
      summary: 'The same request as a form: the browser is sent to the address that says the same',
      form: requestSchema,
      onlyRedirects: true,
      handle: (req, res) => flow.beginByForm({ req, res }),
    }),
    pageEndpoint({
      pages,
      method: 'post',
      path: SIGN_IN_PATH,
      operationId: 'signInOnPage',
      summary: 'The form of the sign-in page',
      form: signInForm,
      handle: signIn,
    }),
    pageEndpoint({
      pages,
      method: 'post',
      path: CONSENT_PATH,
      operationId: 'decideOnPage',
      summary: 'The form of the consent page',
      form: consentForm,
      handle: decide,
    }),
  ];
}
