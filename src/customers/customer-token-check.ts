import { type Channels, servesCustomer } from '../channels/channel.ts';
import type { CustomerReference } from '../identifiers/identifier.ts';
import type { Partner } from '../partners/partner.ts';
import type { Revocations } from '../revocation/revocations.ts';
import type { FindSurvivor } from '../sessions/present-customer.ts';
import type { CustomerToken, CustomerTokens } from '../tokens/customer-token.ts';
import { isTokenRevoked } from './revoked-token.ts';

export interface CustomerTokenCheckDeps {
  customerTokens: CustomerTokens;
  revocations: Revocations;
  channels: Channels;
  /** Default: nobody was ever merged. */
  survivorOf?: FindSurvivor;
}

export type CheckedCustomerToken =
  | { ok: true; token: CustomerToken; reference: CustomerReference }
  | {
      ok: false;
      failure: 'invalid' | 'expired';
      /** Channel of a genuine token whose customers are not this partner's; the caller is never told. */
      foreignChannel?: string;
    };

const INVALID = { ok: false, failure: 'invalid' } as const;
const EXPIRED = { ok: false, failure: 'expired' } as const;

/** Whether a channel's customers are this partner's, and the customer is one that may exist there. */
export function isChannelOf(
  channels: Channels,
  { channel, customerId }: { channel: string; customerId: string },
  partner: Partner,
): boolean {
  const found = channels.find(channel);
  return (
    found !== undefined && partner.channelGroups.includes(found.group) && servesCustomer(found, customerId)
  );
}

/**
 * Checks a customer token that a partner brings: genuine, of age, not revoked, and for a channel of that partner. A
 * foreign customer looks like an unknown one: both are simply `invalid`, also when the token has expired. The token of a
 * customer who was merged since answers for the survivor; what it seals is not opened then.
 */
export function createCustomerTokenCheck(deps: CustomerTokenCheckDeps) {
  const { customerTokens, revocations, channels, survivorOf } = deps;
  return (text: string, partner: Partner): CheckedCustomerToken => {
    const verified = customerTokens.verify(text);
    if (!verified.ok && verified.failure === 'invalid') return INVALID;
    const { token } = verified;
    const revoked = isTokenRevoked({ revocations, customerTokens }, token);
    if (revoked) return INVALID;
    if (!isChannelOf(channels, token, partner)) return { ...INVALID, foreignChannel: token.channel };
    if (!verified.ok) return EXPIRED;
    const survivor = survivorOf?.(token.customerId);
    if (survivor) {
      const { customerId, reference } = survivor;
      return { ok: true, token: { ...token, customerId }, reference };
    }
    const reference = customerTokens.openReference(token);
    return reference === undefined ? INVALID : { ok: true, token, reference };
  };
}

export type CheckCustomerToken = ReturnType<typeof createCustomerTokenCheck>;
