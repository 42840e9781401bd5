import type { Audit } from '../../audit/audit.ts';
import { BridgeError } from '../../errors.ts';
import type { Keyring } from '../../keyring/keyring.ts';
import type { Clock } from '../../platform/clock.ts';
import { isVerifierOf } from '../../platform/pkce.ts';
import { rememberPastMs, type ReplayStore, replayId } from '../../replay/replay.ts';
import type { CustomerSession } from '../../sessions/session.ts';
import type { Sessions } from '../../sessions/sessions.ts';

/** Life of a code. */
const LIFETIME_MS = 60_000;
const PREFIX = 'sc_';
const MAX_LENGTH = 4_096;
const CONTEXT = 'customer-sign-in-code';

/** What a code stands for; sealed inside the code itself. */
interface CodeContent {
  session: CustomerSession;
  redirectUri: string;
  /** PKCE S256 challenge of the app (RFC 7636 section 4.2). */
  challenge: string;
  untilMs: number;
}

export interface CodeRedemption {
  code: string;
  verifier: string;
  redirectUri: string;
  /** The channel that the app names, if any. */
  channel: string | undefined;
  requestId: string;
  address: string;
}

export interface SignInCodes {
  issue(content: Omit<CodeContent, 'untilMs'>): string;
  /**
   * The session of a code: once, within a minute, for whoever holds the verifier. A second use ends what came of the
   * first (RFC 9700 section 4.5). Throws `INVALID_CREDENTIALS`, the same whatever is wrong.
   */
  redeem(redemption: CodeRedemption): Promise<CustomerSession>;
}

export interface SignInCodesDeps {
  keyring: Pick<Keyring, 'seal' | 'open'>;
  clock: Clock;
  replays: Pick<ReplayStore, 'consume'>;
  sessions: Pick<Sessions, 'parse' | 'isLive' | 'end'>;
  audit: Audit;
}

function refused(): BridgeError {
  return new BridgeError('INVALID_CREDENTIALS', {
    message: 'The code is not valid for this call, was used, or is too old. Start the sign-in again.',
  });
}

/**
 * The one-time codes that apps redeem after a sign-in in the system browser (RFC 8252). A code holds its session sealed,
 * so that nothing is stored before it is redeemed; whoever intercepts one lacks the app's verifier, and cannot use it up.
 */
export function createSignInCodes(deps: SignInCodesDeps): SignInCodes {
  const { keyring, clock, replays, sessions, audit } = deps;

  const open = (code: string): CodeContent | undefined => {
    if (code.length > MAX_LENGTH || !code.startsWith(PREFIX)) return undefined;
    const bytes = keyring.open('grant', code.slice(PREFIX.length), CONTEXT);
    return bytes && (JSON.parse(bytes.toString('utf8')) as CodeContent);
  };

  return {
    issue: (content) => {
      const whole: CodeContent = { ...content, untilMs: clock.nowMs() + LIFETIME_MS };
      return PREFIX + keyring.seal('grant', Buffer.from(JSON.stringify(whole)), CONTEXT);
    },
    redeem: async ({ code, verifier, redirectUri, channel, requestId, address }) => {
      const content = open(code);
      const session = sessions.parse(content?.session);
      if (!content || !session || clock.nowMs() >= content.untilMs) throw refused();
      const fits =
        isVerifierOf(verifier, content.challenge) &&
        redirectUri === content.redirectUri &&
        (channel ?? session.channel) === session.channel;
      if (!fits) throw refused();
      const used = await replays.consume(
        'customer-sign-in-code',
        replayId([session.sid]),
        rememberPastMs(content.untilMs),
      );
      if (used === 'replayed') {
        await sessions.end(session);
        const error = refused();
        audit.event('authorization_code.reused', {
          outcome: 'refused',
          actor: 'customer',
          reason: error.code,
          customerId: session.customerId,
          channel: session.channel,
          requestId,
          address,
        });
        error.recorded = true;
        throw error;
      }
      if (!sessions.isLive(session)) throw refused();
      return session;
    },
  };
}
