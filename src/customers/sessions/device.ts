import type { Channels } from '../../channels/channel.ts';
import type { ChannelGroup, CustomerIdentifier, ReferenceSpace } from '../../identifiers/identifier.ts';
import type { FindSurvivor } from '../../sessions/present-customer.ts';
import type { RefreshFamily } from '../../tokens/refresh-families.ts';

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

/** From where a device is renewed or ended, for the record. */
export interface DeviceFacts {
  requestId: string;
  address: string;
}

const HOLDER = 'channel:';

/** The holder of a channel's refresh families: never the name of a client. */
export const holderOf = (channelId: string): string => HOLDER + channelId;
export const channelIdOf = (holder: string): string => holder.slice(HOLDER.length);

/** The lifetimes of a holder's refresh families, for `createRefreshFamilies`: a channel that gives tokens has some. */
export function deviceLifetimes(channels: Channels) {
  return (holder: string) =>
    holder.startsWith(HOLDER) ? channels.find(channelIdOf(holder))?.refreshTokens : undefined;
}

export function deviceOf(family: RefreshFamily<DevicePayload>): Device {
  return {
    id: family.familyId,
    channel: channelIdOf(family.holder),
    name: family.payload.deviceName,
    signedInAtMs: family.payload.authTimeMs,
    lastUsedAtMs: family.rotatedAtMs,
    expiresAtMs: family.expiresAtMs,
  };
}

/** The family as it stands now: of a customer who was merged since, the survivor's. */
export function presentFamily(
  family: RefreshFamily<DevicePayload>,
  survivorOf: FindSurvivor | undefined,
): RefreshFamily<DevicePayload> & { customerId: CustomerIdentifier } {
  const survivor = survivorOf?.(family.customerId);
  if (!survivor) return { ...family, customerId: family.customerId as CustomerIdentifier };
  const { customerId, space, reference } = survivor;
  return { ...family, customerId, payload: { ...family.payload, space, reference } };
}
