import type { Audit } from '../audit/audit.ts';
import type { Channel, Channels } from '../channels/channel.ts';
import { BridgeError } from '../errors.ts';
import {
  type ChannelGroup,
  type CustomerIdentifier,
  parseIdentifier,
  parseReference,
  type ReferenceSpace,
} from '../identifiers/identifier.ts';
import type { AdminActor } from '../partners/partners.ts';
import type { CustomerSession } from '../sessions/session.ts';
import type { Sessions } from '../sessions/sessions.ts';
import type { CustomerTokens, IssuedCustomerToken } from '../tokens/customer-token.ts';
import type { RefreshFamilies, RefreshFamily } from '../tokens/refresh-families.ts';
import type { CustomerStore } from './customer-registry.ts';

/** What is kept with a device's refresh family, sealed. */
export interface DevicePayload {
  group: ChannelGroup;
  space: ReferenceSpace;
  reference: string;
  authenticator: string;
  authTimeMs: number;
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
    if (channel.group !== payload.group || !channel.allowedDeliveries.includes('token')) {
      throw new BridgeError('CHANNEL_NOT_ALLOWED');
    }
    return customerTokens.issue({
      customerId: customerId as CustomerIdentifier,
      reference,
      channel: channel.id,
      sid: familyId,
      authTimeMs: payload.authTimeMs,
      lifetimeSeconds: channel.tokenLifetimeSeconds,
    });
  };
}

/** The apps in which customers are signed in, each one family of refresh tokens (RFC 9700 section 4.14.2). */
export function createDevices(deps: DevicesDeps): Devices {
  const { families, sessions, store, audit } = deps;
  const issue = createIssue(deps);

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

  const holder = async (token: string): Promise<DeviceHolder> => {
    const family = await families.inspect(token, undefined);
    if (!family) throw new BridgeError('INVALID_REFRESH_TOKEN');
    return { customerId: family.customerId as CustomerIdentifier, device: deviceOf(family) };
  };

  const list = async (customerId: CustomerIdentifier) => (await families.list(customerId)).map(deviceOf);

  return {
    begin: async (session, channel, deviceName) => {
      const reference = sessions.reference(session);
      if (!channel.refreshTokens || reference === undefined) return undefined;
      const { sid, customerId, group, space, authenticator, authTimeMs } = session;
      const token = await families.begin({
        familyId: sid,
        holder: holderOf(channel.id),
        customerId,
        payload: { group, space, reference, authenticator, authTimeMs, deviceName },
      });
      if (sessions.isLive(session)) return token;
      // Everything of this customer was ended meanwhile, before this family could be found.
      await families.end(sid);
      throw new BridgeError('NOT_SIGNED_IN');
    },

    renew: async (renewal) => {
      const { requestId, address } = renewal;
      const rotation = await families.rotate(renewal.token, undefined, async (family, refreshToken) => {
        await renewal.admit(family.familyId);
        const issued = issue(family, renewal.channel);
        return JSON.stringify({ issued, customerId: family.customerId, refreshToken } satisfies RenewedToken);
      });
      if (rotation.outcome === 'refused') {
        return refuse(rotation.reason === 'reused' ? rotation.customerId : undefined, renewal);
      }
      const renewed = JSON.parse(rotation.answer) as RenewedToken;
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
      if (!customerId || !(await store.findByIdentifier(customerId))) {
        throw new BridgeError('NOT_FOUND', { message: 'No customer has this identifier.' });
      }
      const listed = audit.record('customer.devices_listed', { ...by, outcome: 'success', customerId });
      await store.recordLookup(listed);
      return list(customerId);
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
      if (!family || !everywhere) {
        return ended('session.ended', facts, { ...(family && { customerId: family.customerId }), device });
      }
      const { customerId } = family;
      await sessions.endAll(customerId as CustomerIdentifier);
      await families.endAllOf(customerId);
      ended('customer.sessions_ended', facts, { customerId, device });
    },
  };
}
