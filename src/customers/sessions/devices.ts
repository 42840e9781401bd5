import type { Audit } from '../../audit/audit.ts';
import { type Channel, type Channels, servesCustomer } from '../../channels/channel.ts';
import { BridgeError } from '../../errors.ts';
import {
  type ChannelGroup,
  type CustomerIdentifier,
  type CustomerReference,
  parseIdentifier,
  parseReference,
  type ReferenceSpace,
} from '../../identifiers/identifier.ts';
import type { AdminActor } from '../../partners/partners.ts';
import type { FindSurvivor } from '../../sessions/present-customer.ts';
import type { CustomerSession } from '../../sessions/session.ts';
import type { Sessions } from '../../sessions/sessions.ts';
import type { CustomerTokens, IssuedCustomerToken } from '../../tokens/customer-token.ts';
import type { RefreshFamilies, RefreshFamily } from '../../tokens/refresh-families.ts';
import type { CustomerStore } from '../customer-registry.ts';

/** What is kept with a device's refresh family, sealed. */
export interface DevicePayload {
  group: ChannelGroup;
  space: ReferenceSpace;
  reference: string;
  authenticator: string;
  authTimeMs: number;
  checkedAtMs?: number | undefined;
  deviceName: string | undefined;
}

/** An app in which a customer is signed in. Its id is also the `sid` of its customer tokens. */
export interface Device {
  id: string;
  channel: string;
  name: string | undefined;
  signedInAtMs: number;
  lastUsedAtMs: number;
  /** When it ends if it is not used again. */
  expiresAtMs: number;
}

/** Who presents a refresh token. */
export interface DeviceHolder {
  customerId: CustomerIdentifier;
  device: Device;
}

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

interface Facts {
  requestId: string;
  address: string;
}

export interface Renewal extends Facts {
  token: string;
  /** Channel of the same group that the customer token is for; default: the one signed in to. */
  channel: Channel | undefined;
  /** Called with the device before anything is used up; throws to refuse. */
  admit(deviceId: string): void | Promise<void>;
}

export interface Devices {
  /** The refresh token of a new sign-in; `undefined` where the channel gives none. Throws `NOT_SIGNED_IN`. */
  begin(session: CustomerSession, channel: Channel, name: string | undefined): Promise<string | undefined>;
  /**
   * A fresh customer token and the next refresh token. Asks no authenticator: one read and one write. Throws
   * `INVALID_REFRESH_TOKEN`, or `CHANNEL_NOT_ALLOWED` for a channel of another group or without token delivery.
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
  /** Who presents a living token, which is not used up. Throws `INVALID_REFRESH_TOKEN`. */
  holder(token: string): Promise<DeviceHolder>;
  list(customerId: CustomerIdentifier): Promise<Device[]>;
  /** The same for an operator, recorded. Throws `NOT_FOUND` for an unknown identifier. */
  listFor(customerId: string, by: AdminActor): Promise<Device[]>;
  /** Ends a device of this customer and the tokens that came of it. Throws `NOT_FOUND`. */
  end(customerId: CustomerIdentifier, deviceId: string, facts: Facts): Promise<void>;
  /**
   * Signs out by a refresh token: a genuine one of any age ends its device, one of nobody ends nothing. With
   * `everywhere` a living one ends all that the customer was issued.
   */
  signOut(token: string, everywhere: boolean, facts: Facts): Promise<void>;
}

export interface DevicesDeps {
  families: RefreshFamilies<DevicePayload>;
  channels: Channels;
  sessions: Sessions;
  customerTokens: CustomerTokens;
  store: Pick<CustomerStore, 'findByIdentifier' | 'recordLookup'>;
  /** Default: nobody was ever merged. */
  survivorOf?: FindSurvivor;
  /** As in `EndSessionsDeps`. */
  forgetProfiles?(customerId: CustomerIdentifier): void;
  audit: Audit;
}

const HOLDER = 'channel:';

/** The holder of a channel's refresh families: never the name of a client. */
const holderOf = (channelId: string): string => HOLDER + channelId;
const channelIdOf = (holder: string): string => holder.slice(HOLDER.length);

/** The lifetimes of a holder's refresh families, for `createRefreshFamilies`: a channel that gives tokens has some. */
export function deviceLifetimes(channels: Channels) {
  return (holder: string) =>
    holder.startsWith(HOLDER) ? channels.find(channelIdOf(holder))?.refreshTokens : undefined;
}

function deviceOf(family: RefreshFamily<DevicePayload>): Device {
  return {
    id: family.familyId,
    channel: channelIdOf(family.holder),
    name: family.payload.deviceName,
    signedInAtMs: family.payload.authTimeMs,
    lastUsedAtMs: family.rotatedAtMs,
    expiresAtMs: family.expiresAtMs,
  };
}

/** The customer token of a renewal, as its refresh family says who and where. */
function createIssue({ channels, customerTokens }: Pick<DevicesDeps, 'channels' | 'customerTokens'>) {
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

/** The apps in which customers are signed in, each one family of refresh tokens (RFC 9700 section 4.14.2). */
export function createDevices(deps: DevicesDeps): Devices {
  const { families, sessions, store, audit } = deps;
  const issue = createIssue(deps);

  /** Of a customer who was merged since, the survivor. */
  const present = (family: RefreshFamily<DevicePayload>): RefreshFamily<DevicePayload> => {
    const survivor = deps.survivorOf?.(family.customerId);
    if (!survivor) return family;
    const { customerId, space, reference } = survivor;
    return { ...family, customerId, payload: { ...family.payload, space, reference } };
  };

  const ended = (
    event: 'session.ended' | 'customer.sessions_ended',
    { requestId, address }: Facts,
    about: { customerId?: string; channel?: string; device: string },
  ) => {
    const { device, ...who } = about;
    const facts = { outcome: 'success', actor: 'customer', requestId, address } as const;
    audit.event(event, { ...facts, ...who, details: { device } });
  };

  const refuse = (reused: string | undefined, { requestId, address }: Facts): never => {
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
    const rotation = await families.rotate(renewal.token, undefined, async (stored, refreshToken) => {
      await renewal.admit(stored.familyId);
      const family = present(stored);
      const made = await make(family);
      return JSON.stringify({ purpose, made, customerId: family.customerId, refreshToken });
    });
    if (rotation.outcome === 'refused') {
      return refuse(rotation.reason === 'reused' ? rotation.customerId : undefined, renewal);
    }
    const { outcome } = rotation;
    const kept = JSON.parse(rotation.answer) as Kept<Made>;
    if (kept.purpose === purpose) return { ...kept, outcome };
    const family = await families.inspect(kept.refreshToken, undefined);
    if (!family) throw new BridgeError('INVALID_REFRESH_TOKEN');
    await renewal.admit(family.familyId);
    return { ...kept, purpose, made: await make(present(family)), outcome };
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

  const holder = async (token: string): Promise<DeviceHolder> => {
    const family = await families.inspect(token, undefined);
    if (!family) throw new BridgeError('INVALID_REFRESH_TOKEN');
    return { customerId: present(family).customerId as CustomerIdentifier, device: deviceOf(family) };
  };

  const list = async (customerId: CustomerIdentifier) => (await families.list(customerId)).map(deviceOf);

  return {
    begin: async (session, channel, deviceName) => {
      const reference = sessions.reference(session);
      if (!channel.refreshTokens || reference === undefined) return undefined;
      const { sid, customerId, group, space, authenticator, authTimeMs, checkedAtMs } = session;
      const token = await families.begin({
        familyId: sid,
        holder: holderOf(channel.id),
        customerId,
        payload: { group, space, reference, authenticator, authTimeMs, checkedAtMs, deviceName },
      });
      if (sessions.isLive(session)) return token;
      // Everything of this customer was ended meanwhile, before this family could be found.
      await families.end(sid);
      throw new BridgeError('NOT_SIGNED_IN');
    },

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

    holder,
    list,

    listFor: async (text, by) => {
      const customerId = parseIdentifier(text);
      const customer = customerId && (await store.findByIdentifier(customerId));
      if (!customer) {
        throw new BridgeError('NOT_FOUND', { message: 'No customer has this identifier.' });
      }
      const listed = audit.record('customer.devices_listed', { ...by, outcome: 'success', customerId });
      await store.recordLookup(listed);
      return list(customer.customerId);
    },

    end: async (customerId, deviceId, facts) => {
      const device = (await list(customerId)).find(({ id }) => id === deviceId);
      if (!device) throw new BridgeError('NOT_FOUND', { message: 'There is no such device.' });
      await families.end(deviceId);
      ended('session.ended', facts, { customerId, channel: device.channel, device: deviceId });
    },

    signOut: async (token, everywhere, facts) => {
      const device = await families.familyOf(token, undefined);
      if (device === undefined) return;
      const family = await families.inspect(token, undefined);
      await families.end(device);
      if (family) deps.forgetProfiles?.(present(family).customerId as CustomerIdentifier);
      if (!family || !everywhere) {
        return ended('session.ended', facts, { ...(family && { customerId: family.customerId }), device });
      }
      const { customerId } = present(family);
      await sessions.endAll(customerId as CustomerIdentifier);
      await families.endAllOf(customerId);
      ended('customer.sessions_ended', facts, { customerId, device });
    },
  };
}
