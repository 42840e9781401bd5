import type { Channel } from '../../channels/channel.ts';
import { BridgeError } from '../../errors.ts';
import { type CustomerIdentifier, parseIdentifier } from '../../identifiers/identifier.ts';
import type { AdminActor } from '../../partners/partners.ts';
import type { CustomerSession } from '../../sessions/session.ts';
import type { Sessions } from '../../sessions/sessions.ts';
import type { CustomerStore } from '../customer-registry.ts';
import { type Device, type DeviceFacts, deviceOf, holderOf, presentFamily } from './device.ts';
import { createDeviceRenewals, type DeviceRenewals, type DeviceRenewalsDeps } from './renew-device.ts';

/** Who presents a refresh token. */
export interface DeviceHolder {
  customerId: CustomerIdentifier;
  device: Device;
}

export interface Devices extends DeviceRenewals {
  /** The refresh token of a new sign-in; `undefined` where the channel gives none. Throws `NOT_SIGNED_IN`. */
  begin(session: CustomerSession, channel: Channel, name: string | undefined): Promise<string | undefined>;
  /** Who presents a living token, which is not used up. Throws `INVALID_REFRESH_TOKEN`. */
  holder(token: string): Promise<DeviceHolder>;
  list(customerId: CustomerIdentifier): Promise<Device[]>;
  /** The same for an operator, recorded. Throws `NOT_FOUND` for an unknown identifier. */
  listFor(customerId: string, by: AdminActor): Promise<Device[]>;
  /** Ends a device of this customer and the tokens that came of it. Throws `NOT_FOUND`. */
  end(customerId: CustomerIdentifier, deviceId: string, facts: DeviceFacts): Promise<void>;
  /**
   * Signs out by a refresh token: a genuine one of any age ends its device, one of nobody ends nothing. With
   * `everywhere` a living one ends all that the person was issued in any channel group.
   */
  signOut(token: string, everywhere: boolean, facts: DeviceFacts): Promise<void>;
}

export interface DevicesDeps extends DeviceRenewalsDeps {
  /** Devices that one customer may be signed in on. Default 100. */
  maxPerCustomer?: number;
  sessions: Sessions;
  /** Ends all that the person behind an identifier was issued, in every channel group. */
  endEverywhere(customerId: CustomerIdentifier): Promise<void>;
  store: Pick<CustomerStore, 'findByIdentifier' | 'recordLookup'>;
  /** As in `EndSessionsDeps`. */
  forgetProfiles?(customerId: CustomerIdentifier): void;
}

/** The apps in which customers are signed in, each one family of refresh tokens (RFC 9700 section 4.14.2). */
export function createDevices(deps: DevicesDeps): Devices {
  const { families, sessions, survivorOf, store, audit, maxPerCustomer = 100 } = deps;

  const ended = (
    event: 'session.ended' | 'customer.sessions_ended',
    { requestId, address }: DeviceFacts,
    about: { customerId?: string; channel?: string; device: string },
  ) => {
    const { device, ...who } = about;
    const facts = { outcome: 'success', actor: 'customer', requestId, address } as const;
    audit.event(event, { ...facts, ...who, details: { device } });
  };

  const holder = async (token: string): Promise<DeviceHolder> => {
    const family = await families.inspect(token, undefined);
    if (!family) throw new BridgeError('INVALID_REFRESH_TOKEN');
    return { customerId: presentFamily(family, survivorOf).customerId, device: deviceOf(family) };
  };

  const list = async (customerId: CustomerIdentifier) => (await families.list(customerId)).map(deviceOf);

  /** Ends the devices that a customer has too many, those first that were not used for longest. */
  const endSurplus = async ({ customerId, sid }: CustomerSession): Promise<void> => {
    const others = (await list(customerId)).filter(({ id }) => id !== sid);
    if (others.length < maxPerCustomer) return;
    others.sort((a, b) => b.lastUsedAtMs - a.lastUsedAtMs);
    for (const { id, channel } of others.slice(maxPerCustomer - 1)) {
      await families.end(id);
      audit.event('session.ended', {
        outcome: 'success',
        actor: 'system',
        customerId,
        channel,
        reason: 'too many devices',
        details: { device: id },
      });
    }
  };

  return {
    ...createDeviceRenewals(deps),

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
      if (sessions.isLive(session)) {
        await endSurplus(session);
        return token;
      }
      // Everything of this customer was ended meanwhile, before this family could be found.
      await families.end(sid);
      throw new BridgeError('NOT_SIGNED_IN');
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
      if (family) deps.forgetProfiles?.(presentFamily(family, survivorOf).customerId);
      if (!family || !everywhere) {
        return ended('session.ended', facts, { ...(family && { customerId: family.customerId }), device });
      }
      const { customerId } = presentFamily(family, survivorOf);
      await deps.endEverywhere(customerId);
      ended('customer.sessions_ended', facts, { customerId, device });
    },
  };
}
