import { failureSentence } from '../../connections/failure-sentence.ts';
import { parseReference, type ReferenceSpace } from '../../identifiers/identifier.ts';
import { rememberPastMs, replayId } from '../../replay/replay.ts';
import type {
  AuthenticationOutcome,
  Authenticator,
  AuthenticatorDeps,
  SubjectTokenProof,
} from '../authenticator.ts';
import { createCancellation, unlessAborted } from '../cancellation.ts';
import { checkedAtMs, claimsFault, type TokenFault } from './jwt-claims.ts';
import { type ClaimedToken, parseSubjectToken } from './jwt-parse.ts';
import { type JwtSettings, jwtSettings } from './jwt-settings.ts';
import { checkSignature, headerFault } from './jwt-signature.ts';
import { createKeySet } from './key-set.ts';
import { createLogoutTokens } from './logout-token.ts';

const REFUSED: AuthenticationOutcome = { outcome: 'refused', reason: 'credentials' };
const KEYS_AWAY: AuthenticationOutcome = { outcome: 'unavailable', busy: false, retryAfterSeconds: 5 };

type JwtDeps = Pick<AuthenticatorDeps, 'httpClient' | 'clock' | 'logger' | 'replays'>;

/** Throws `StartRefused` for an address that we may not call. */
function create(options: JwtSettings, deps: JwtDeps): Authenticator {
  const { clock, logger, replays } = deps;
  const keySet = createKeySet(options, deps);
  const cancellation = createCancellation();

  /** Uses up the id of a token that is sound in every other way. Throws `STORE_UNAVAILABLE`. */
  const isFirstUse = async ({ claims }: ClaimedToken): Promise<boolean> => {
    const untilMs = Math.ceil((claims.exp as number) + options.clock_tolerance_seconds) * 1000;
    const id = replayId([options.issuer, claims.jti as string]);
    return (await replays.consume('subject-token', id, rememberPastMs(untilMs))) === 'fresh';
  };

  const judge = async (proof: SubjectTokenProof): Promise<AuthenticationOutcome | TokenFault> => {
    const claimed = parseSubjectToken(proof.token);
    if (!claimed) return 'malformed';
    // Only to choose who judges it: this issuer's keys must have signed it.
    if (claimed.claims.iss !== options.issuer) return { outcome: 'not_mine' };
    const { claims } = claimed;
    if (proof.tokenType !== 'jwt' && proof.tokenType !== options.token_type) return 'token_type';
    const fault = headerFault(claimed, options);
    if (fault) return fault;
    const signature = await checkSignature(proof.token, claimed, keySet);
    if (signature === 'unknown') return KEYS_AWAY;
    if (signature !== 'sound') return signature;
    const wrong = claimsFault(claims, options, clock.nowMs() / 1000);
    if (wrong) return wrong;
    const found = Object.hasOwn(claims, options.reference_claim)
      ? claims[options.reference_claim]
      : undefined;
    const reference = parseReference(found);
    if (reference === undefined) return 'reference';
    if (options.single_use && !(await isFirstUse(claimed))) return 'replayed';
    return {
      outcome: 'authenticated',
      space: options.reference_space as ReferenceSpace,
      reference,
      // `iat` has no milliseconds: a sign-out earlier in the same second must not end it.
      provenAtMs: Math.min(Math.floor(claims.iat as number) * 1000 + 999, clock.nowMs()),
      checkedAtMs: checkedAtMs(claims, clock.nowMs()),
    };
  };

  return {
    name: options.name,
    type: options.type,
    authenticate: async (proof, { requestId, channel, signal }) => {
      if (proof.kind !== 'subject_token') return { outcome: 'not_mine' };
      const ended = cancellation.signalFor({ signal });
      const judged = await unlessAborted(
        ended,
        () => judge(proof),
        () => KEYS_AWAY,
      );
      if (typeof judged !== 'string') return judged;
      // The caller learns no more than that the token is no good; whoever connects the provider must know why.
      logger.log('info', {
        event: 'authenticator.token_refused',
        authenticator: options.name,
        channel,
        request_id: requestId,
        reason: judged,
      });
      return REFUSED;
    },
    readLogout: createLogoutTokens({
      settings: options,
      clock,
      replays,
      checkSignature: (token, claimed) => checkSignature(token, claimed, keySet),
    }),
    probe: async () => {
      try {
        const count = await keySet.probe();
        return { ok: true, message: `${count} keys of ${options.issuer}` };
      } catch (error) {
        return { ok: false, message: failureSentence(error) };
      }
    },
    close: async () => cancellation.close(),
  };
}

/** ID tokens or access tokens of one identity provider of the company as proof of who the customer is. */
export const jwtAuthenticator = { type: 'jwt' as const, optionsSchema: jwtSettings, create };
