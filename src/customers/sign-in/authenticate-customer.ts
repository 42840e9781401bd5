import type { Audit } from '../../audit/audit.ts';
import type { AuthenticationOutcome, Authenticator, Proof } from '../../authenticators/authenticator.ts';
import type { Channel } from '../../channels/channel.ts';
import { BridgeError } from '../../errors.ts';
import { type SignInThrottle, throttleName } from '../../limits/sign-in-throttle.ts';
import type { Clock } from '../../platform/clock.ts';
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

type Decided = { outcome: AuthenticationOutcome; authenticator: string };

/**
 * Turns the company's own sign-in into a session. Throws `INVALID_CREDENTIALS` (the same for an unknown name and a
 * wrong password), `NOT_SIGNED_IN` (nobody is, at the company's site), `ACCOUNT_LOCKED`, `PASSWORD_CHANGE_REQUIRED`, `RATE_LIMITED`, `SIGN_IN_BUSY` or, when nobody could
 * tell, `AUTHENTICATOR_UNAVAILABLE`.
 */
export function createAuthenticateCustomer(deps: AuthenticateCustomerDeps) {
  const { authenticators, throttle, identities, sessions, clock, audit } = deps;

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
  const verdictOf = ({ outcome }: AuthenticationOutcome, { signal }: AuthenticateRequest) => {
    if (outcome === 'authenticated') return 'passed';
    return outcome === 'unavailable' && signal?.aborted !== true ? 'undecided' : 'failed';
  };

  /**
   * Only a password is guessed at, so only that is counted: pages offer every visitor's site cookie, and a visitor
   * whom the site does not know has failed at nothing.
   */
  const guarded = async (request: AuthenticateRequest): Promise<Decided> => {
    const { proof, address } = request;
    if (proof.kind !== 'password') return decide(request);
    return throttle.guard(throttleName(proof.username), address, async () => {
      const decided = await decide(request);
      return { ...decided, verdict: verdictOf(decided.outcome, request) } as const;
    });
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

    const { outcome, authenticator } = await guarded(request).catch((error: unknown) => {
      if (error instanceof BridgeError) return refuse(error);
      throw error;
    });

    switch (outcome.outcome) {
      case 'authenticated': {
        const { space, reference } = outcome;
        // Taken before anything is looked up: whatever ends the customer from here on ends this session.
        const authTimeMs = outcome.provenAtMs ?? clock.nowMs();
        const customer = await identities.identify({ group: channel.group, space, reference });
        if (!customer) return refuse(wrong(request.proof), { customer: 'disabled' });
        const session = sessions.start({
          ...customer,
          group: channel.group,
          channel: channel.id,
          authenticator,
          authTimeMs,
          ...(outcome.checkedAtMs !== undefined && { checkedAtMs: outcome.checkedAtMs }),
        });
        // What was proven before the customer signed out everywhere proves nothing any more.
        if (!sessions.isLive(session)) return refuse(wrong(request.proof));
        audit.event('customer.authenticated', {
          ...facts,
          outcome: 'success',
          customerId: session.customerId,
        });
        return session;
      }
      case 'not_mine':
        return refuse(wrong(request.proof));
      case 'refused':
        switch (outcome.reason) {
          case 'credentials':
            return refuse(wrong(request.proof));
          case 'locked':
            return refuse(new BridgeError('ACCOUNT_LOCKED'));
          case 'password_change_required':
            return refuse(new BridgeError('PASSWORD_CHANGE_REQUIRED'));
        }
        break;
      case 'unavailable': {
        const code = outcome.busy ? 'SIGN_IN_BUSY' : 'AUTHENTICATOR_UNAVAILABLE';
        const error = new BridgeError(code, { retryAfterSeconds: outcome.retryAfterSeconds });
        return refuse(error, outcome.reason && { [`${authenticator}:reason`]: outcome.reason });
      }
    }
    throw new Error('unreachable');
  };
}
