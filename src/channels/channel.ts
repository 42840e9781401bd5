/**
 * Channels: the places where customers chat, and what each may get. This room holds the configured channels and
 * answers questions about them; how a vendor's proof looks belongs to its channel profile.
 */
import { type ChannelGroup, isTestIdentifier } from '../identifiers/identifier.ts';
import type { RefreshLifetimes } from '../tokens/refresh-families.ts';
import type { ChannelProof, Enforcement } from './channel-proof.ts';

export type Delivery = 'token' | 'cookie';

export interface Channel {
  id: string;
  group: ChannelGroup;
  /** What `customer_authenticate` gives when the request does not say. */
  delivery: Delivery;
  /** Deliveries that a request may ask for. */
  allowedDeliveries: readonly Delivery[];
  /** Life of a customer token, in seconds. Default 900, at most 28,800. */
  tokenLifetimeSeconds: number;
  /** Life of the refresh tokens that token delivery adds; `undefined`: it adds none. */
  refreshTokens: RefreshLifetimes | undefined;
  /** Names of the authenticators to try, in order. */
  authenticators: readonly string[];
  /** Web origins that may call us with a cookie, exactly as a browser writes them. */
  allowedOrigins: readonly string[];
  /** Where sign-in by redirect may lead apps back to, compared as text (RFC 8252 section 7). */
  appRedirects: readonly string[];
  /** The chat vendor's proof; `undefined` for a channel that gives customer tokens alone. */
  proof?: ChannelProof | undefined;
  /** Whether test customers exist here. Default: they do not. */
  testCustomers?: boolean | undefined;
  /** How calls without a sound proof are met. Default `enforce`. */
  enforcement?: Enforcement | undefined;
}

export interface Channels {
  readonly defaultChannel: Channel;
  find(id: string): Channel | undefined;
  all(): readonly Channel[];
  /** Whether any channel allows this origin. */
  allowsOrigin(origin: string): boolean;
}

/** Whether a customer may exist in a channel: test customers do so only where the configuration says it. */
export function servesCustomer(channel: Channel, customerId: string): boolean {
  return channel.testCustomers === true || !isTestIdentifier(customerId);
}

export function createChannels(list: readonly Channel[], defaultId: string): Channels {
  const byId = new Map(list.map((channel) => [channel.id, channel]));
  const defaultChannel = byId.get(defaultId);
  if (!defaultChannel) throw new RangeError(`default channel ${defaultId} is not configured`);
  const origins = new Set(list.flatMap((channel) => channel.allowedOrigins));
  return {
    defaultChannel,
    find: (id) => byId.get(id),
    all: () => list,
    allowsOrigin: (origin) => origins.has(origin),
  };
}
