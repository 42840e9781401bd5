import type { CustomerTokens } from '../tokens/customer-token.ts';
import { factsOf, type Mint } from './mint.ts';

/** Our own customer token; its life is the channel's `token_lifetime_seconds`. */
export function createPassThroughMint(customerTokens: Pick<CustomerTokens, 'issue'>): Mint<'pass_through'> {
  return (request) => {
    const { channel, session, reference } = request;
    const { token, issuedAtMs, expiresInSeconds } = customerTokens.issue({
      customerId: session.customerId,
      reference,
      channel: channel.id,
      sid: session.sid,
      authTimeMs: session.authTimeMs,
      lifetimeSeconds: channel.tokenLifetimeSeconds,
      notAfterMs: request.sessionEndsAtMs,
    });
    const times = { lifetimeSeconds: expiresInSeconds, maxSeconds: expiresInSeconds, backdateSeconds: 0 };
    return {
      kind: 'jwt',
      token,
      expiresInSeconds,
      facts: { ...factsOf(request, issuedAtMs, times), proof: token },
    };
  };
}
