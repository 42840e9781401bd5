import type { Audit } from '../../audit/audit.ts';
import { type Channel, servesCustomer } from '../../channels/channel.ts';
import { BridgeError } from '../../errors.ts';
import type { CustomerSession } from '../../sessions/session.ts';
import type { Sessions } from '../../sessions/sessions.ts';
import type { CustomerTokens, IssuedCustomerToken } from '../../tokens/customer-token.ts';

export interface IssueCustomerTokenDeps {
  sessions: Sessions;
  tokens: CustomerTokens;
  audit: Audit;
}

/**
 * Issues a customer token for a live session, for its own channel or another one of the same group; it ends with the
 * session at the latest.
 * Throws `NOT_SIGNED_IN` when the session is over, `CHANNEL_NOT_ALLOWED` for a channel of another group
 * and, to a test customer, for one without test customers.
 */
export function createIssueCustomerToken({ sessions, tokens, audit }: IssueCustomerTokenDeps) {
  return (
    session: CustomerSession,
    channel: Channel,
    facts: { requestId: string; address: string },
  ): IssuedCustomerToken => {
    if (!sessions.isLive(session)) throw new BridgeError('NOT_SIGNED_IN');
    if (channel.group !== session.group || !servesCustomer(channel, session.customerId)) {
      throw new BridgeError('CHANNEL_NOT_ALLOWED');
    }
    const reference = sessions.reference(session);
    if (reference === undefined) throw new BridgeError('NOT_SIGNED_IN');
    const issued = tokens.issue({
      customerId: session.customerId,
      reference,
      channel: channel.id,
      sid: session.sid,
      authTimeMs: session.authTimeMs,
      lifetimeSeconds: channel.tokenLifetimeSeconds,
      notAfterMs: sessions.endsAtMs(session),
    });
    audit.event('session.token_issued', {
      requestId: facts.requestId,
      address: facts.address,
      outcome: 'success',
      actor: 'customer',
      customerId: session.customerId,
      channel: channel.id,
    });
    return issued;
  };
}
