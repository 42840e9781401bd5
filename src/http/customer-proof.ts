import type { Channels } from '../channels/channel.ts';
import { BridgeError } from '../errors.ts';
import type { CustomerIdentifier, CustomerReference } from '../identifiers/identifier.ts';
import type { Partner } from '../partners/partner.ts';
import type { Revocations } from '../revocation/revocations.ts';
import type { Sessions } from '../sessions/sessions.ts';
import type { CustomerTokens } from '../tokens/customer-token.ts';
import type { SessionCookies } from './session-cookie.ts';

/** A customer who was there a short while ago, as a partner proves it. */
export interface CustomerProof {
  customerId: CustomerIdentifier;
  reference: CustomerReference;
  channel: string;
}

export interface CustomerProofDeps {
  customerTokens: CustomerTokens;
  sessions: Sessions;
  sessionCookies: SessionCookies;
  revocations: Revocations;
  channels: Channels;
}

const JWT_PROOF = /^jwt +(\S+)$/i;
const COOKIE_PROOF = /^cookie +(\S.*)$/i;

export function createCustomerProof(deps: CustomerProofDeps) {
  const { customerTokens, sessions, sessionCookies, revocations, channels } = deps;

  /** A foreign customer looks like an unknown one: both are simply not a valid proof here. */
  const belongsTo = (channel: string, partner: Partner): boolean => {
    const group = channels.find(channel)?.group;
    return group !== undefined && partner.channelGroups.includes(group);
  };

  const byToken = (text: string, partner: Partner): CustomerProof => {
    const verified = customerTokens.verify(text);
    if (!verified.ok) {
      throw new BridgeError(
        verified.failure === 'expired' ? 'CUSTOMER_TOKEN_EXPIRED' : 'INVALID_CUSTOMER_TOKEN',
      );
    }
    const { token } = verified;
    const revoked =
      revocations.isRevoked('session', token.sid, token.issuedAtMs) ||
      revocations.isRevoked('customer', token.customerId, token.issuedAtMs) ||
      revocations.isRevoked('token', token.jti, token.issuedAtMs);
    if (revoked || !belongsTo(token.channel, partner)) throw new BridgeError('INVALID_CUSTOMER_TOKEN');
    const reference = customerTokens.openReference(token);
    if (reference === undefined) throw new BridgeError('INVALID_CUSTOMER_TOKEN');
    return { customerId: token.customerId, reference, channel: token.channel };
  };

  const byCookie = async (text: string, partner: Partner): Promise<CustomerProof> => {
    const session = await sessionCookies.read(text);
    const reference = session && sessions.reference(session);
    if (!session || reference === undefined || !belongsTo(session.channel, partner)) {
      throw new BridgeError('INVALID_CUSTOMER_TOKEN');
    }
    return { customerId: session.customerId, reference, channel: session.channel };
  };

  /**
   * Reads a proof: `JWT <customer token>` or `Cookie <session cookie>`. `bare` also takes the token alone, as a body
   * field has it. Throws `INVALID_CUSTOMER_TOKEN` or `CUSTOMER_TOKEN_EXPIRED`.
   */
  return (proof: string, bare: boolean, partner: Partner): CustomerProof | Promise<CustomerProof> => {
    const token = JWT_PROOF.exec(proof)?.[1] ?? (bare && !proof.includes(' ') ? proof : undefined);
    if (token !== undefined) return byToken(token, partner);
    const cookie = COOKIE_PROOF.exec(proof)?.[1];
    if (cookie !== undefined) return byCookie(cookie, partner);
    throw new BridgeError('INVALID_CUSTOMER_TOKEN');
  };
}

export type ProveCustomer = ReturnType<typeof createCustomerProof>;
