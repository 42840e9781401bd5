import type { Audit } from '../../audit/audit.ts';
import { type Channel, type Channels, servesCustomer } from '../../channels/channel.ts';
import { BridgeError } from '../../errors.ts';
import {
  type CustomerIdentifier,
  type CustomerReference,
  parseReference,
} from '../../identifiers/identifier.ts';
import type { FindSurvivor } from '../../sessions/present-customer.ts';
import type { CustomerSession } from '../../sessions/session.ts';
import type { Sessions } from '../../sessions/sessions.ts';
import type { CustomerTokens, IssuedCustomerToken } from '../../tokens/customer-token.ts';
import type { RefreshFamilies, RefreshFamily } from '../../tokens/refresh-families.ts';
import { channelIdOf, type DeviceFacts, type DevicePayload, presentFamily } from './device.ts';

export interface RenewedToken {
  issued: IssuedCustomerToken;
  customerId: string;
  refreshToken: string;
}

/** The customer that a refresh token stands for, as a session of that device. */
export interface RedeemedDevice {
  session: CustomerSession;
  reference: CustomerReference;
  /** When the device is signed out if nothing more is done with it. */
  endsAtMs: number;
  channel: Channel;
}

/** What was made with a refresh token, and the token's successor. */
export interface Redeemed<Made> {
  made: Made;
  customerId: string;
  refreshToken: string;
}

export interface Renewal extends DeviceFacts {
  token: string;
  /** Channel of the same group that the customer token is for; default: the one signed in to. */
  channel: Channel | undefined;
  /** Called with the device before anything is used up; throws to refuse. */
  admit(deviceId: string): void | Promise<void>;
}

export interface DeviceRenewals {
  /**
   * A fresh customer token and the next refresh token. Asks no authenticator: one read and one write. Throws
   * `INVALID_REFRESH_TOKEN`, or `CHANNEL_NOT_ALLOWED` for a channel of another group, without token
   * delivery or without refresh tokens.
   */
  renew(renewal: Renewal): Promise<RenewedToken>;
  /**
   * Uses a refresh token up for something else than a customer token. `purpose` names what is made: a lost answer is
   * given again to who asks for the same. Throws as `renew` does, and what `make` throws, which uses nothing up.
   */
  redeem<Made>(
    renewal: Renewal & { channel: Channel; purpose: string },
    make: (device: RedeemedDevice) => Promise<Made>,
  ): Promise<Redeemed<Made>>;
}

export interface DeviceRenewalsDeps {
  families: RefreshFamilies<DevicePayload>;
  channels: Channels;
  sessions: Pick<Sessions, 'start'>;
  customerTokens: CustomerTokens;
  /** Default: nobody was ever merged. */
  survivorOf?: FindSurvivor;
  audit: Audit;
}

/** The customer token of a renewal, as its refresh family says who and where. */
function createIssue({ channels, customerTokens }: Pick<DeviceRenewalsDeps, 'channels' | 'customerTokens'>) {
  return (family: RefreshFamily<DevicePayload>, asked: Channel | undefined) => {
    const { payload, familyId, customerId } = family;
    const channel = asked ?? channels.find(channelIdOf(family.holder));
    const reference = parseReference(payload.reference);
    if (!channel || reference === undefined) throw new BridgeError('INVALID_REFRESH_TOKEN');
    if (
      channel.group !== payload.group ||
      !channel.allowedDeliveries.includes('token') ||
      !servesCustomer(channel, customerId)
    ) {
      throw new BridgeError('CHANNEL_NOT_ALLOWED');
    }
    if (!channel.refreshTokens) {
      throw new BridgeError('CHANNEL_NOT_ALLOWED', {
        message: 'This channel gives no refresh tokens, so that none is renewed for it.',
        details: { channel: channel.id },
      });
    }
    return customerTokens.issue({
      customerId: customerId as CustomerIdentifier,
      reference,
      channel: channel.id,
      sid: familyId,
      authTimeMs: payload.authTimeMs,
      lifetimeSeconds: channel.tokenLifetimeSeconds,
      notAfterMs: family.overAtMs,
    });
  };
}

/** What a used-up refresh token became, as it is kept for who lost the answer. */
interface Kept<Made> extends Redeemed<Made> {
  purpose: string;
}

const CUSTOMER_TOKEN = 'customer_token';

/** What a device goes on with: the next refresh token, and a customer token or whatever else is made for it. */
export function createDeviceRenewals(deps: DeviceRenewalsDeps): DeviceRenewals {
  const { families, sessions, survivorOf, audit } = deps;
  const issue = createIssue(deps);

  const refuse = (reused: string | undefined, { requestId, address }: DeviceFacts): never => {
    const error = new BridgeError('INVALID_REFRESH_TOKEN');
    if (reused !== undefined) {
      const facts = {
        outcome: 'refused',
        actor: 'customer',
        customerId: reused,
        requestId,
        address,
      } as const;
      audit.event('refresh_token.reused', { ...facts, reason: error.code });
      error.recorded = true;
    }
    throw error;
  };

  /**
   * Uses a token up for `purpose`. Whoever lost the answer gets it again; whoever then asks for something else gets
   * that, made for the device that the lost answer went on with.
   */
  const rotate = async <Made>(
    renewal: Renewal,
    purpose: string,
    make: (family: RefreshFamily<DevicePayload>) => Made | Promise<Made>,
  ): Promise<Kept<Made> & { outcome: 'rotated' | 'replayed' }> => {
    let admitted = false;
    const admit = async (familyId: string) => {
      if (!admitted) await renewal.admit(familyId);
      admitted = true;
    };
    const rotation = await families.rotate(renewal.token, undefined, async (stored, refreshToken) => {
      await admit(stored.familyId);
      const family = presentFamily(stored, survivorOf);
      const made = await make(family);
      return JSON.stringify({ purpose, made, customerId: family.customerId, refreshToken });
    });
    if (rotation.outcome === 'refused') {
      return refuse(rotation.reason === 'reused' ? rotation.customerId : undefined, renewal);
    }
    const { outcome } = rotation;
    // An answer given again is an answer: asking for it over and over is no way past the limits.
    if (outcome === 'replayed') await admit(rotation.familyId);
    const kept = JSON.parse(rotation.answer) as Kept<Made>;
    if (kept.purpose === purpose) return { ...kept, outcome };
    const family = await families.inspect(kept.refreshToken, undefined);
    if (!family) throw new BridgeError('INVALID_REFRESH_TOKEN');
    return { ...kept, purpose, made: await make(presentFamily(family, survivorOf)), outcome };
  };

  const redeemed = (family: RefreshFamily<DevicePayload>, channel: Channel): RedeemedDevice => {
    const { group, space, authenticator, authTimeMs, checkedAtMs } = family.payload;
    const reference = parseReference(family.payload.reference);
    if (reference === undefined) throw new BridgeError('INVALID_REFRESH_TOKEN');
    if (channel.group !== group || !servesCustomer(channel, family.customerId)) {
      throw new BridgeError('CHANNEL_NOT_ALLOWED');
    }
    const session = sessions.start({
      sid: family.familyId,
      customerId: family.customerId as CustomerIdentifier,
      group,
      space,
      reference,
      channel: channelIdOf(family.holder),
      authenticator,
      authTimeMs,
      ...(checkedAtMs !== undefined && { checkedAtMs }),
    });
    return { session, reference, endsAtMs: family.overAtMs, channel };
  };

  return {
    redeem: async (renewal, make) => {
      const { purpose, channel } = renewal;
      const { made, customerId, refreshToken } = await rotate(renewal, purpose, async (family) =>
        make(redeemed(family, channel)),
      );
      return { made, customerId, refreshToken };
    },

    renew: async (renewal) => {
      const { requestId, address } = renewal;
      const rotation = await rotate(renewal, CUSTOMER_TOKEN, (family) => issue(family, renewal.channel));
      const { made: issued, customerId, refreshToken } = rotation;
      const renewed: RenewedToken = { issued, customerId, refreshToken };
      audit.event('session.token_issued', {
        requestId,
        address,
        outcome: 'success',
        actor: 'customer',
        customerId: renewed.customerId,
        channel: renewal.channel?.id,
        details: { renewed: rotation.outcome },
      });
      return renewed;
    },
  };
}
