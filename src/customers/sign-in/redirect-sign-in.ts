import type { Audit } from '../../audit/audit.ts';
import type { Authenticator, RedirectPrompt, RedirectSignIn } from '../../authenticators/authenticator.ts';
import type { Channel, Channels } from '../../channels/channel.ts';
import { BridgeError, type ErrorCode } from '../../errors.ts';
import type { Keyring } from '../../keyring/keyring.ts';
import type { Clock } from '../../platform/clock.ts';
import { randomFraction, randomToken } from '../../platform/random.ts';
import { rememberPastMs, type ReplayStore, replayId } from '../../replay/replay.ts';
import type { CustomerSession } from '../../sessions/session.ts';
import type { createAuthenticateCustomer } from './authenticate-customer.ts';
import type { SignInCodes } from './sign-in-codes.ts';
import { type SignInTarget, signInTarget, withParameters } from './sign-in-target.ts';

/** How long a customer may be at the provider. */
const LIFETIME_MS = 600_000;
const MAX_STATE_LENGTH = 128;
/**
 * Names of the cookies. Each sign-in under way has a place of its own, so that two tabs do not disturb each other; there
 * are few places, and the next sign-in takes one over, so that a browser that begins many still has room for its headers.
 */
export const SIGN_IN_COOKIE_PREFIX = '__Host-symbolon-sign-in-';
const PLACES = ['0', '1', '2', '3'] as const;
/** All places together stay below the 8 KB that common proxies take as headers. */
const MAX_COOKIE_LENGTH = 1_800;

/** The app's side of a sign-in in the system browser. */
export interface AppChallenge {
  /** PKCE S256 challenge (RFC 7636 section 4.2). */
  challenge: string;
  /** Comes back to the app unchanged. */
  state: string | undefined;
}

export interface BeginSignIn {
  channel: Channel;
  returnTo: string;
  /** Name of the authenticator; default: the channel's first that redirects. */
  authenticator: string | undefined;
  /** `undefined`: a page, which gets a cookie. */
  app: AppChallenge | undefined;
  prompt: RedirectPrompt | undefined;
  maxAgeSeconds: number | undefined;
  /** Names of the cookies of sign-ins under way in this browser. */
  cookieNames: readonly string[];
  requestId: string;
  address: string;
}

export interface SignInCookie {
  name: string;
  value: string;
  maxAgeSeconds: number;
  sameSite: 'Lax' | 'None';
}

export interface BegunSignIn {
  redirectTo: string;
  cookie: SignInCookie | undefined;
  /** Why the customer is not sent to the provider. */
  code: ErrorCode | undefined;
}

export interface SignInAnswer {
  authenticator: string;
  parameters: Readonly<Record<string, string>>;
  /** The value of a cookie of this browser. */
  cookie(name: string): string | undefined;
  requestId: string;
  address: string;
}

export interface FinishedSignIn {
  redirectTo: string;
  /** The session to open in this browser; `undefined` where an app gets a code, or nobody signed in. */
  session: CustomerSession | undefined;
  /** Of the attempt, also when it failed. */
  channel: string;
  customerId: string | undefined;
  /** Why nobody is signed in. */
  code: ErrorCode | undefined;
  /** Name of the cookie to forget. */
  cookieName: string;
}

/** What the browser keeps for us while the customer is at the provider; sealed, bound to `state`. */
interface UnderWay {
  authenticator: string;
  channel: string;
  returnTo: string;
  app?: AppChallenge | undefined;
  silent: boolean;
  memory: string;
  untilMs: number;
}

export interface RedirectSignIns {
  /**
   * Where to send the browser, and the cookie to set. When the provider cannot be reached the way leads straight back,
   * with an error. Throws `INVALID_REQUEST` for a request whose way back nobody registered.
   */
  begin(request: BeginSignIn): Promise<BegunSignIn>;
  /** Throws `CSRF_REJECTED` for an answer that belongs to no sign-in of this browser. */
  finish(answer: SignInAnswer): Promise<FinishedSignIn>;
}

export interface RedirectSignInDeps {
  authenticators: ReadonlyMap<string, Authenticator>;
  channels: Channels;
  authenticateCustomer: ReturnType<typeof createAuthenticateCustomer>;
  codes: SignInCodes;
  keyring: Pick<Keyring, 'seal' | 'open'>;
  clock: Clock;
  replays: Pick<ReplayStore, 'consume'>;
  audit: Audit;
  /** `PUBLIC_URL`. */
  issuer: string;
}

const contextOf = (state: string) => `customer-sign-in|${state}`;
/** A state begins with its place: whoever changes that finds a cookie that is sealed for another state. */
const cookieNameOf = (state: string) => SIGN_IN_COOKIE_PREFIX + state.charAt(0);

/** A new state, in a place that is free in this browser if one is; by chance, as parallel requests know of no other. */
function newState(cookieNames: readonly string[]): string {
  const free = PLACES.filter((place) => !cookieNames.includes(SIGN_IN_COOKIE_PREFIX + place));
  const places = free.length > 0 ? free : PLACES;
  const place = places[Math.floor(randomFraction() * places.length)] as string;
  return place + randomToken(24);
}

function notOfThisBrowser(): BridgeError {
  return new BridgeError('CSRF_REJECTED', {
    message: 'This sign-in was not begun in this browser, was used already, or is too old.',
  });
}

/** The error that the page or app is told (RFC 6749 section 4.1.2.1); `undefined`: not one of a sign-in. */
function errorFor(error: unknown, silent: boolean): string | undefined {
  if (!(error instanceof BridgeError)) return undefined;
  if (error.code === 'NOT_SIGNED_IN') return silent ? 'login_required' : 'access_denied';
  return error.kind === 'unavailable' || error.kind === 'rate_limited'
    ? 'temporarily_unavailable'
    : undefined;
}

/** What the browser keeps for us: sealed under its `state`, opened once. */
function createKeeping({
  keyring,
  clock,
  replays,
}: Pick<RedirectSignInDeps, 'keyring' | 'clock' | 'replays'>) {
  return {
    keep: (
      state: string,
      content: Omit<UnderWay, 'untilMs'>,
      { responseMode }: Pick<RedirectSignIn, 'responseMode'>,
    ): SignInCookie => {
      const underWay: UnderWay = { ...content, untilMs: clock.nowMs() + LIFETIME_MS };
      const value = keyring.seal('page-form', Buffer.from(JSON.stringify(underWay)), contextOf(state));
      if (value.length > MAX_COOKIE_LENGTH) {
        throw new BridgeError('INVALID_REQUEST', {
          message: 'The address to come back to and the state are too long together.',
          details: { member: 'return_to' },
        });
      }
      return {
        name: cookieNameOf(state),
        value,
        maxAgeSeconds: LIFETIME_MS / 1000,
        sameSite: responseMode === 'form_post' ? 'None' : 'Lax',
      };
    },
    resume: async ({ parameters, cookie, authenticator }: SignInAnswer): Promise<UnderWay> => {
      const { state = '' } = parameters;
      if (state === '' || state.length > MAX_STATE_LENGTH) throw notOfThisBrowser();
      const bytes = keyring.open('page-form', cookie(cookieNameOf(state)) ?? '', contextOf(state));
      const underWay = bytes && (JSON.parse(bytes.toString('utf8')) as UnderWay);
      // An answer at another provider's address is that provider's, whatever its state says (RFC 9700 section 4.4).
      if (!underWay || underWay.authenticator !== authenticator) throw notOfThisBrowser();
      if (clock.nowMs() >= underWay.untilMs) throw notOfThisBrowser();
      const used = await replays.consume(
        'customer-sign-in',
        replayId([state]),
        rememberPastMs(underWay.untilMs),
      );
      if (used === 'replayed') throw notOfThisBrowser();
      return underWay;
    },
  };
}

/** The authenticator of a channel that redirects. Throws `INVALID_REQUEST` when it has none of this name. */
function redirecting(
  authenticators: RedirectSignInDeps['authenticators'],
  channel: Channel,
  named: string | undefined,
): { name: string; redirect: RedirectSignIn } {
  for (const name of channel.authenticators) {
    const redirect = authenticators.get(name)?.redirect;
    if (redirect && (named ?? name) === name) return { name, redirect };
  }
  const message = 'This channel has no such sign-in by redirect.';
  throw new BridgeError('INVALID_REQUEST', { message, details: { member: 'authenticator' } });
}

/** Sign-in by sending the browser to the company's provider, for pages (a cookie) and apps (a one-time code). */
export function createRedirectSignIns(deps: RedirectSignInDeps): RedirectSignIns {
  const { channels, issuer } = deps;
  const publicOrigin = new URL(issuer).origin;
  const { keep, resume } = createKeeping(deps);

  /** The way back with an answer: an app is told who answers (RFC 9207), a page knows. */
  const backTo = (target: SignInTarget, app: AppChallenge | undefined, answer: Record<string, string>) =>
    withParameters(target.uri, app ? { ...answer, state: app.state, iss: issuer } : answer);

  const recordUnavailable = (
    { channel, requestId, address }: BeginSignIn,
    authenticator: string,
    reason: string | undefined,
  ) =>
    deps.audit.event('customer.authenticated', {
      actor: 'customer',
      outcome: 'failed',
      reason: 'AUTHENTICATOR_UNAVAILABLE',
      channel: channel.id,
      requestId,
      address,
      ...(reason === undefined ? {} : { details: { [`${authenticator}:reason`]: reason } }),
    });

  return {
    begin: async (request) => {
      const { channel, returnTo, app, prompt, maxAgeSeconds, requestId } = request;
      const target = signInTarget(channel, { returnTo, isApp: app !== undefined, publicOrigin });
      const { name, redirect } = redirecting(deps.authenticators, channel, request.authenticator);
      const state = newState(request.cookieNames);
      const context = { requestId, channel: channel.id };
      const started = await redirect.begin({ state, prompt, maxAgeSeconds }, context);
      switch (started.outcome) {
        case 'login_required':
          return {
            cookie: undefined,
            redirectTo: backTo(target, app, { error: 'login_required' }),
            code: 'NOT_SIGNED_IN',
          };
        case 'unavailable':
          recordUnavailable(request, name, started.reason);
          return {
            redirectTo: backTo(target, app, { error: 'temporarily_unavailable' }),
            cookie: undefined,
            code: 'AUTHENTICATOR_UNAVAILABLE',
          };
        case 'redirect': {
          const silent = prompt === 'none';
          const { memory, location } = started;
          const content = { authenticator: name, channel: channel.id, returnTo, app, silent, memory };
          return { redirectTo: location, cookie: keep(state, content, redirect), code: undefined };
        }
      }
    },

    finish: async (answer) => {
      const { parameters, requestId, address } = answer;
      const underWay = await resume(answer);
      const channel = channels.find(underWay.channel);
      if (!channel) throw notOfThisBrowser();
      const { app, returnTo, authenticator, memory, silent } = underWay;
      const target = signInTarget(channel, { returnTo, isApp: app !== undefined, publicOrigin });
      const finished = {
        channel: channel.id,
        cookieName: cookieNameOf(parameters.state as string),
        session: undefined,
        customerId: undefined,
        code: undefined,
      };
      try {
        const proof = { kind: 'redirect_answer', authenticator, parameters, memory } as const;
        const session = await deps.authenticateCustomer({ proof, channel, address, requestId });
        const { customerId } = session;
        if (!app) return { ...finished, redirectTo: returnTo, session, customerId };
        const code = deps.codes.issue({ session, redirectUri: returnTo, challenge: app.challenge });
        return { ...finished, redirectTo: backTo(target, app, { code }), customerId };
      } catch (error) {
        const told = errorFor(error, silent);
        if (told === undefined) throw error;
        const { code } = error as BridgeError;
        return { ...finished, redirectTo: backTo(target, app, { error: told }), code };
      }
    },
  };
}
