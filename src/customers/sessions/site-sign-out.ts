import type { Audit } from '../../audit/audit.ts';
import type { Authenticator, LogoutAnswer } from '../../authenticators/authenticator.ts';
import { BridgeError, OAuthError } from '../../errors.ts';
import { type CustomerReference, parseReference, type ReferenceSpace } from '../../identifiers/identifier.ts';
import type { Clock } from '../../platform/clock.ts';
import { type ReplayStore, rememberUntilMs, replayId } from '../../replay/replay.ts';
import { type SignedRequest, signingKeyOf } from '../../signatures/signed-request.ts';
import { readV1, V1_WINDOW_SECONDS, v1IsTimely, v1Matches } from '../../signatures/v1.ts';
import type { createEndSessionsOf } from './end-sessions.ts';

/** A system of the company that may end sessions of its own customers. */
export interface SignOutSigner {
  /** For the audit log. */
  name: string;
  secret: string;
  space: ReferenceSpace;
}

export interface SiteSignOutDeps {
  signers: readonly SignOutSigner[];
  authenticators: ReadonlyMap<string, Pick<Authenticator, 'readLogout'>>;
  endSessionsOf: ReturnType<typeof createEndSessionsOf>;
  replays: Pick<ReplayStore, 'consume'>;
  clock: Clock;
  audit: Audit;
}

export interface SignOutFacts {
  requestId: string;
  address: string;
}

export interface SiteSignOut {
  /**
   * Checks the v1 signature of a message and uses it up. Throws `INVALID_SIGNATURE`, `TIMESTAMP_EXPIRED` or
   * `SIGNATURE_REPLAYED`; `STORE_UNAVAILABLE` when nobody can tell whether it was used before.
   */
  admit(request: Pick<SignedRequest, 'header' | 'body'>): Promise<SignOutSigner>;
  /** Ends chat identity of the customer whom an admitted message names. Throws `INVALID_REQUEST`. */
  endNamed(signer: SignOutSigner, reference: unknown, facts: SignOutFacts): Promise<void>;
  /**
   * Ends chat identity of whom a logout token names (OpenID Connect Back-Channel Logout 1.0 section 2.5). Throws
   * `invalid_request`, or `temporarily_unavailable` when the provider's keys cannot be had.
   */
  endByLogoutToken(token: string, facts: SignOutFacts): Promise<void>;
}

/** Checks and uses up the v1 signature of a message; every signer's secret is tried. */
function createAdmission({ signers: configured, clock, replays }: SiteSignOutDeps): SiteSignOut['admit'] {
  const signers = configured.map((signer) => ({ signer, key: signingKeyOf(signer.secret) }));
  return async ({ header, body }) => {
    const signature = readV1({ header });
    if (!signature || typeof signature === 'string') {
      throw new BridgeError('INVALID_SIGNATURE', { missing: !signature });
    }
    // Every signer is tried, so that time tells nothing of which.
    const [made] = signers.filter(({ key }) => v1Matches(signature, key, body));
    if (!made) throw new BridgeError('INVALID_SIGNATURE');
    if (!v1IsTimely(signature, clock.nowMs())) throw new BridgeError('TIMESTAMP_EXPIRED');
    const id = replayId(['sign_out', made.signer.name, signature.mac.toString('hex')]);
    const untilMs = rememberUntilMs(clock.nowMs(), V1_WINDOW_SECONDS * 1000);
    if ((await replays.consume('signature-v1', id, untilMs)) === 'replayed') {
      throw new BridgeError('SIGNATURE_REPLAYED');
    }
    return made.signer;
  };
}

export function createSiteSignOut(deps: SiteSignOutDeps): SiteSignOut {
  const { audit } = deps;

  const end = async (
    whom: { space: ReferenceSpace; reference: CustomerReference },
    by: string,
    facts: SignOutFacts,
  ): Promise<void> => {
    await deps.endSessionsOf(whom.space, whom.reference, (customerId) =>
      audit.event('customer.sessions_ended', {
        ...facts,
        outcome: 'success',
        actor: by,
        customerId,
        reason: 'signed out at the company',
      }),
    );
  };

  /** The first authenticator that takes the token decides; "could not tell" outweighs "wrong", which outweighs "not mine". */
  const readLogout = async (token: string): Promise<{ answer: LogoutAnswer; provider: string }> => {
    let best: { answer: LogoutAnswer; provider: string } = { answer: { outcome: 'not_mine' }, provider: '' };
    for (const [provider, authenticator] of deps.authenticators) {
      const answer = (await authenticator.readLogout?.(token)) ?? ({ outcome: 'not_mine' } as const);
      if (answer.outcome === 'ended') return { answer, provider };
      const outweighs = best.answer.outcome === 'not_mine' || answer.outcome === 'unavailable';
      if (answer.outcome !== 'not_mine' && outweighs) best = { answer, provider };
    }
    return best;
  };

  return {
    admit: createAdmission(deps),
    endNamed: async ({ name, space }, named, facts) => {
      const reference = parseReference(named);
      if (reference === undefined) {
        throw new BridgeError('INVALID_REQUEST', { details: { member: 'reference' } });
      }
      await end({ space, reference }, name, facts);
    },
    endByLogoutToken: async (token, facts) => {
      const { answer, provider } = await readLogout(token);
      switch (answer.outcome) {
        case 'ended':
          return end(answer, provider, facts);
        case 'unavailable':
          throw new OAuthError('temporarily_unavailable');
        case 'not_mine':
        case 'refused': {
          const reason = answer.outcome === 'refused' ? answer.reason : 'issuer';
          audit.event('access.denied', {
            ...facts,
            outcome: 'refused',
            actor: provider === '' ? 'unknown' : provider,
            reason: `logout token: ${reason}`,
          });
          throw new OAuthError('invalid_request', { message: 'The logout token is not valid.' });
        }
      }
    },
  };
}
