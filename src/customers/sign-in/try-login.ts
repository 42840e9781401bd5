import type { Audit } from '../../audit/audit.ts';
import type { AuthenticationOutcome, Authenticator } from '../../authenticators/authenticator.ts';
import type { Channels } from '../../channels/channel.ts';
import { BridgeError } from '../../errors.ts';

/** What one authenticator made of the attempt. */
export interface LoginAttempt {
  authenticator: string;
  type: string;
  outcome: AuthenticationOutcome['outcome'];
  /** What happened, in order; the last sentence says what it means. No password and no hash. */
  steps: string[];
  reference: string | undefined;
}

export interface TriedLogin {
  channel: string;
  authenticated: boolean;
  attempts: LoginAttempt[];
}

const REFUSALS = {
  credentials: 'Refused: the name or the password is wrong, or the account is disabled.',
  locked: 'Refused: the account is locked.',
  password_change_required: 'Refused: the password must be changed first.',
} as const;

/** Why a name and a password cannot be tried, and what to do in its place. */
const OTHER_WAYS: Readonly<Record<string, string>> = {
  oidc: 'Signs customers in at the provider, in their own browser, so that it cannot be tried from here: open /customer_sign_in of this service in a browser. symbolon doctor tests the provider.',
  jwt: 'Takes no passwords but tokens of your identity provider, as subject_token. symbolon doctor tests its keys; why a token was refused is in the log as authenticator.token_refused.',
  site_session:
    "Takes no passwords: it goes by the cookies or headers of your own site's session. symbolon doctor asks the site as a stranger.",
};

function meaningOf(outcome: AuthenticationOutcome, type: string): string {
  switch (outcome.outcome) {
    case 'authenticated':
      return `Authenticated in the reference space ${outcome.space}.`;
    case 'refused':
      return REFUSALS[outcome.reason];
    case 'not_mine':
      return OTHER_WAYS[type] ?? 'Is not asked about customers of this channel.';
    case 'unavailable':
      return outcome.busy
        ? 'Could not tell: too much to do at the moment. Customers get 503.'
        : 'Could not tell, for the reason above. Customers get 503. symbolon doctor proves that the system is reached, not what is read from its answer.';
  }
}

/**
 * Tries a name and a password on the authenticators of a channel, in their order, and says what each did. Opens no
 * session, pins no identifier and counts no failure; only an administrator reaches it, and the attempt is audited
 * without the name. Throws `NOT_FOUND` for a channel that is not configured.
 */
export function createTryLogin(deps: {
  authenticators: ReadonlyMap<string, Authenticator>;
  channels: Channels;
  audit: Audit;
}) {
  const { authenticators, channels, audit } = deps;
  return async (
    request: { username: string; password: string; channel: string | undefined },
    by: { actor: string; requestId?: string | undefined; address?: string | undefined },
  ): Promise<TriedLogin> => {
    const channel = request.channel === undefined ? channels.defaultChannel : channels.find(request.channel);
    if (!channel)
      throw new BridgeError('NOT_FOUND', {
        message: 'There is no channel of this name in the configuration.',
      });
    const proof = { kind: 'password', username: request.username, password: request.password } as const;
    const attempts: LoginAttempt[] = [];
    let authenticated = false;
    for (const name of channel.authenticators) {
      const authenticator = authenticators.get(name) as Authenticator;
      const steps: string[] = [];
      const outcome = await authenticator.authenticate(proof, {
        requestId: by.requestId ?? '',
        channel: channel.id,
        note: (step) => void steps.push(step),
      });
      steps.push(meaningOf(outcome, authenticator.type));
      const reference = outcome.outcome === 'authenticated' ? outcome.reference : undefined;
      attempts.push({
        authenticator: name,
        type: authenticator.type,
        outcome: outcome.outcome,
        steps,
        reference,
      });
      authenticated = outcome.outcome === 'authenticated';
      // As at a real sign-in: whoever knows the account has the last word.
      if (authenticated || (outcome.outcome === 'refused' && outcome.reason !== 'credentials')) break;
    }
    audit.event('customer.login_tried', {
      ...by,
      channel: channel.id,
      outcome: authenticated ? 'success' : 'refused',
      details: { attempts: attempts.length },
    });
    return { channel: channel.id, authenticated, attempts };
  };
}

export type TryLogin = ReturnType<typeof createTryLogin>;
