import { type Channel, type Channels, createChannels } from '../channels/channel.ts';
import type { Config } from '../config/config.ts';
import type { ChannelGroup } from '../identifiers/identifier.ts';

/** The channels as the configuration lists them. */
export function configuredChannels(config: Config): Channels {
  const list = config.channels.map(
    (channel): Channel => ({
      id: channel.id,
      group: channel.group as ChannelGroup,
      delivery: channel.delivery,
      allowedDeliveries: channel.allowed_deliveries,
      tokenLifetimeSeconds: channel.token_lifetime_seconds,
      authenticators: channel.authenticators,
      allowedOrigins: channel.allowed_origins,
    }),
  );
  return createChannels(list, config.default_channel);
}
