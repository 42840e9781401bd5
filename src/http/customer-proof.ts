import type { Channels } from '../channels/channel.ts';
import { type CheckCustomerToken, isChannelOf } from '../customers/customer-token-check.ts';
import { BridgeError } from '../errors.ts';
import type { CustomerIdentifier, CustomerReference } from '../identifiers/identifier.ts';
import type { Partner } from '../partners/partner.ts';
import type { CustomerSession } from '../sessions/session.ts';
import type { FindSurvivor } from '../sessions/present-customer.ts';
import type { Sessions } from '../sessions/sessions.ts';
import type { AccessToken, AccessTokens } from '../tokens/access-token.ts';
import type { SessionCookies } from './session-cookie.ts';

/** A customer who was there a short while ago, as a partner proves it. */
export interface CustomerProof {
  customerId: CustomerIdentifier;
  reference: CustomerReference;
  channel: string;
  /** The customer token that was shown, where it was one. */
  token?: string;
  /** The session whose cookie was shown, where it was one. */
  session?: CustomerSession;
  /** Which profile fields the customer agreed to; `undefined` for all that the partner may see. */
  agreedTo?: (field: string) => boolean;
}

/** A proof as it came: `JWT <customer token>` or `Cookie <session cookie>`; `bare` also takes the token alone. */
export interface GivenProof {
  text: string;
  bare: boolean;
}

export interface CustomerProofDeps {
  checkCustomerToken: CheckCustomerToken;
  accessTokens: AccessTokens;
  sessions: Sessions;
  sessionCookies: SessionCookies;
  channels: Channels;
  /** Default: nobody was ever merged. */
  survivorOf?: FindSurvivor;
}

/** The refusal; of a genuine proof of somebody else's channel the audit record says so, and nobody else. */
const refusedProof = (foreignChannel: string | undefined) =>
  new BridgeError(
    'INVALID_CUSTOMER_TOKEN',
    foreignChannel === undefined ? {} : { auditDetails: { proof_channel: foreignChannel } },
  );

const JWT_PROOF = /^jwt +(\S+)$/i;
const COOKIE_PROOF = /^cookie +(\S.*)$/i;

export function createCustomerProof(deps: CustomerProofDeps) {
  const { checkCustomerToken, sessions, sessionCookies, channels } = deps;

  const byToken = (text: string, partner: Partner): CustomerProof => {
    const checked = checkCustomerToken(text, partner);
    if (!checked.ok) {
      if (checked.failure === 'expired') throw new BridgeError('CUSTOMER_TOKEN_EXPIRED');
      throw refusedProof(checked.foreignChannel);
    }
    const { token, reference } = checked;
    return { customerId: token.customerId, reference, channel: token.channel, token: text };
  };

  const byCookie = async (text: string, partner: Partner): Promise<CustomerProof> => {
    const session = await sessionCookies.read(text);
    const reference = session && sessions.reference(session);
    if (!session || reference === undefined) throw refusedProof(undefined);
    if (!isChannelOf(channels, session, partner)) throw refusedProof(session.channel);
    return { customerId: session.customerId, reference, channel: session.channel, session };
  };

  const byText = ({ text, bare }: GivenProof, partner: Partner): CustomerProof | Promise<CustomerProof> => {
    // As nearly everybody writes it; what else stands in the token its own check finds.
    const isUsual = text.startsWith('JWT eyJ') && !text.includes(' ', 4);
    const named = isUsual ? text.slice(4) : JWT_PROOF.exec(text)?.[1];
    const token = named ?? (bare && !text.includes(' ') ? text : undefined);
    if (token !== undefined) return byToken(token, partner);
    const cookie = COOKIE_PROOF.exec(text)?.[1];
    if (cookie !== undefined) return byCookie(cookie, partner);
    throw new BridgeError('INVALID_CUSTOMER_TOKEN');
  };

  /** The customer that an app's own access token names. */
  const byAccessToken = (token: AccessToken, partner: Partner): CustomerProof | undefined => {
    const { customer } = token;
    if (!customer) return undefined;
    const opened = deps.accessTokens.openCustomer(token);
    if (!opened || !isChannelOf(channels, customer, partner)) {
      throw new BridgeError('INVALID_ACCESS_TOKEN');
    }
    const survivor = deps.survivorOf?.(customer.customerId);
    const { customerId, reference } = survivor ?? {
      customerId: customer.customerId,
      reference: opened.reference,
    };
    return { ...opened, customerId, reference, channel: customer.channel };
  };

  /** Both speak of the same customer, or of none that we would answer about; what the app may see stays the same. */
  const agreed = (named: CustomerProof, proven: CustomerProof): CustomerProof => {
    if (named.customerId !== proven.customerId) throw new BridgeError('INVALID_CUSTOMER_TOKEN');
    return { ...named, ...proven };
  };

  /**
   * Which customer a request is about: the one that is proven, or that its verified access token names; if both, they
   * must be the same. Throws `INVALID_CUSTOMER_TOKEN`, `CUSTOMER_TOKEN_EXPIRED` or `INVALID_ACCESS_TOKEN`.
   */
  return (
    given: GivenProof | undefined,
    partner: Partner,
    accessToken?: AccessToken,
  ): CustomerProof | Promise<CustomerProof> => {
    const named = accessToken && byAccessToken(accessToken, partner);
    if (!given) {
      if (named) return named;
      throw new BridgeError('INVALID_CUSTOMER_TOKEN', { missing: true });
    }
    const proven = byText(given, partner);
    if (!named) return proven;
    return proven instanceof Promise ? proven.then((late) => agreed(named, late)) : agreed(named, proven);
  };
}

export type ProveCustomer = ReturnType<typeof createCustomerProof>;
