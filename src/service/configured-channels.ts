import { type Channel, type Channels, createChannels } from '../channels/channel.ts';
import type { Config } from '../config/config.ts';
import type { ChannelGroup } from '../identifiers/identifier.ts';

const DAY_SECONDS = 86_400;

/** The channels as the configuration lists them. */
export function configuredChannels(config: Config): Channels {
  const list = config.channels.map(
    (channel): Channel => ({
      id: channel.id,
      group: channel.group as ChannelGroup,
      delivery: channel.delivery,
      allowedDeliveries: channel.allowed_deliveries,
      tokenLifetimeSeconds: channel.token_lifetime_seconds,
      refreshTokens: channel.refresh_tokens && {
        idleSeconds: channel.refresh_tokens.idle_days * DAY_SECONDS,
        absoluteSeconds: channel.refresh_tokens.absolute_days * DAY_SECONDS,
      },
      authenticators: channel.authenticators,
      allowedOrigins: channel.allowed_origins,
    }),
  );
  return createChannels(list, config.default_channel);
}
