import type { Audit } from '../../audit/audit.ts';
import type { AuthenticationOutcome, Authenticator, Proof } from '../../authenticators/authenticator.ts';
import type { Channel } from '../../channels/channel.ts';
import { BridgeError } from '../../errors.ts';
import type { Attempt, SignInThrottle } from '../../limits/sign-in-throttle.ts';
import { throttleName } from '../../limits/throttle-name.ts';
import type { Clock } from '../../platform/clock.ts';
import type { EndedReferences } from '../../sessions/ended-references.ts';
import type { CustomerSession } from '../../sessions/session.ts';
import type { Sessions } from '../../sessions/sessions.ts';
import type { Identities } from '../identities.ts';

export interface AuthenticateRequest {
  proof: Proof;
  channel: Channel;
  address: string;
  requestId: string;
  /** Aborted when the caller has gone. */
  signal?: AbortSignal | undefined;
}

export interface AuthenticateCustomerDeps {
  authenticators: ReadonlyMap<string, Authenticator>;
  throttle: SignInThrottle;
  identities: Identities;
  sessions: Sessions;
  endedReferences: Pick<EndedReferences, 'endedSince'>;
  clock: Pick<Clock, 'nowMs'>;
  audit: Audit;
}

/** What a proof that did not hold is called: nobody typed anything wrong who merely has no session at the site. */
function wrong(proof: Proof): BridgeError {
  switch (proof.kind) {
    case 'password':
      return new BridgeError('INVALID_CREDENTIALS');
    case 'subject_token':
      return new BridgeError('INVALID_CREDENTIALS', {
        message: 'The subject_token does not prove who the customer is. Get a new one.',
      });
    case 'site_session':
    case 'redirect_answer':
      return new BridgeError('NOT_SIGNED_IN');
  }
}

const REFUSED = { locked: 'ACCOUNT_LOCKED', password_change_required: 'PASSWORD_CHANGE_REQUIRED' } as const;

type Unauthenticated = Exclude<AuthenticationOutcome, { outcome: 'authenticated' }>;

/** What is answered when nobody was authenticated. */
function refusalOf(outcome: Unauthenticated, proof: Proof): BridgeError {
  switch (outcome.outcome) {
    case 'not_mine':
      return wrong(proof);
    case 'refused':
      return outcome.reason === 'credentials' ? wrong(proof) : new BridgeError(REFUSED[outcome.reason]);
    case 'unavailable': {
      const code = outcome.busy ? 'SIGN_IN_BUSY' : 'AUTHENTICATOR_UNAVAILABLE';
      return new BridgeError(code, { retryAfterSeconds: outcome.retryAfterSeconds });
    }
  }
}

type Decided = { outcome: AuthenticationOutcome; authenticator: string };

type Verdict = Attempt['verdict'];

/** What became of a request, with what the throttle is told of it. */
type Attempted =
  | { verdict: 'passed'; session: CustomerSession }
  | { verdict: Verdict; refusal: BridgeError; details: Record<string, string> | undefined };

/**
 * Turns the company's own sign-in into a session. Throws `INVALID_CREDENTIALS` (the same for an unknown name and a
 * wrong password), `NOT_SIGNED_IN` (nobody is, at the company's site), `ACCOUNT_LOCKED`, `PASSWORD_CHANGE_REQUIRED`, `RATE_LIMITED`, `SIGN_IN_BUSY` or, when nobody could
 * tell, `AUTHENTICATOR_UNAVAILABLE`.
 */
export function createAuthenticateCustomer(deps: AuthenticateCustomerDeps) {
  const { authenticators, throttle, identities, sessions, endedReferences, clock, audit } = deps;

  /** The first that knows decides; "could not tell" outweighs "wrong", which outweighs "not mine". */
  const decide = async ({ proof, channel, ...context }: AuthenticateRequest): Promise<Decided> => {
    let undecided: Decided | undefined;
    let refused: Decided | undefined;
    for (const name of channel.authenticators) {
      const authenticator = authenticators.get(name) as Authenticator;
      const outcome = await authenticator.authenticate(proof, { ...context, channel: channel.id });
      const decided = { outcome, authenticator: name };
      if (outcome.outcome === 'authenticated') return decided;
      if (outcome.outcome === 'refused' && outcome.reason !== 'credentials') return decided;
      if (outcome.outcome === 'refused') refused ??= decided;
      if (outcome.outcome === 'unavailable') undecided ??= decided;
    }
    return (
      undecided ?? refused ?? { outcome: { outcome: 'refused', reason: 'credentials' }, authenticator: '' }
    );
  };

  /** Whoever hangs up before the answer may have guessed: that it cannot be told must not make guesses free. */
  const verdictOf = ({ outcome }: Unauthenticated, { signal }: AuthenticateRequest): Verdict =>
    outcome === 'unavailable' && signal?.aborted !== true ? 'undecided' : 'failed';

  /** Everything that decides the answer, so that the throttle's verdict says no more than the answer does. */
  const attempt = async (request: AuthenticateRequest): Promise<Attempted> => {
    const { channel, proof } = request;
    const { outcome, authenticator } = await decide(request);
    if (outcome.outcome !== 'authenticated') {
      const reason = outcome.outcome === 'unavailable' ? outcome.reason : undefined;
      return {
        verdict: verdictOf(outcome, request),
        refusal: refusalOf(outcome, proof),
        details: reason && { [`${authenticator}:reason`]: reason },
      };
    }
    const { space, reference, provenAtMs } = outcome;
    // Also of somebody whom this channel group does not know yet, and who so has no identifier that ended.
    if (provenAtMs !== undefined && endedReferences.endedSince({ space, reference, provenAtMs })) {
      return { verdict: 'failed', refusal: wrong(proof), details: undefined };
    }
    // Taken before anything is looked up: whatever ends the customer from here on ends this session.
    const authTimeMs = provenAtMs ?? clock.nowMs();
    const customer = await identities.identify({ group: channel.group, space, reference });
    if (!customer) return { verdict: 'failed', refusal: wrong(proof), details: { customer: 'disabled' } };
    const session = sessions.start({
      ...customer,
      group: channel.group,
      channel: channel.id,
      authenticator,
      authTimeMs,
      ...(outcome.checkedAtMs !== undefined && { checkedAtMs: outcome.checkedAtMs }),
    });
    // What was proven before the customer signed out everywhere proves nothing any more.
    if (!sessions.isLive(session)) return { verdict: 'failed', refusal: wrong(proof), details: undefined };
    return { verdict: 'passed', session };
  };

  /**
   * Only a password is guessed at, so only that is counted: pages offer every visitor's site cookie, and a visitor
   * whom the site does not know has failed at nothing.
   */
  const guarded = (request: AuthenticateRequest): Promise<Attempted> => {
    const { proof, channel, address } = request;
    if (proof.kind !== 'password') return attempt(request);
    const { username } = proof;
    const spelling = JSON.stringify([channel.authenticators, username]);
    return throttle.guard({ account: throttleName(username), spelling }, address, () => attempt(request));
  };

  return async (request: AuthenticateRequest): Promise<CustomerSession> => {
    const { channel, address, requestId } = request;
    const facts = { actor: 'customer', channel: channel.id, address, requestId };
    const refuse = (error: BridgeError, details?: Record<string, string>): never => {
      audit.event('customer.authenticated', {
        ...facts,
        outcome: error.kind === 'unavailable' ? 'failed' : 'refused',
        reason: error.code,
        ...(details ? { details } : {}),
      });
      error.recorded = true;
      throw error;
    };

    const attempted = await guarded(request).catch((error: unknown) => {
      if (error instanceof BridgeError) return refuse(error);
      throw error;
    });
    if (!('session' in attempted)) return refuse(attempted.refusal, attempted.details);
    const { session } = attempted;
    const { customerId } = session;
    audit.event('customer.authenticated', { ...facts, outcome: 'success', customerId });
    return session;
  };
}
