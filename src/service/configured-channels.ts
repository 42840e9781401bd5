import { type Channel, type Channels, createChannels } from '../channels/channel.ts';
import { type ChannelProof, proofLifetime } from '../channels/channel-proof.ts';
import type { JsonValue } from '../channels/channel-profile.ts';
import { channelProfiles } from '../channels/profile-registry.ts';
import type { Config } from '../config/config.ts';
import type { ChannelGroup } from '../identifiers/identifier.ts';

const DAY_SECONDS = 86_400;

/** The vendor's side of a channel. The configuration has been held against the record before. */
function configuredProof(channel: Config['channels'][number]): ChannelProof | undefined {
  const profile = channel.profile === undefined ? undefined : channelProfiles.get(channel.profile);
  if (!profile) return undefined;
  return {
    profile,
    settings: profile.settings.parse(channel.settings) as Record<string, JsonValue>,
    attributes: channel.attributes,
    allowedPersonalData: new Set(channel.allow_personal_data),
    lifetimeSeconds:
      channel.proof_lifetime_seconds ??
      proofLifetime(profile.proof)?.defaultSeconds ??
      channel.token_lifetime_seconds,
    client: channel.client,
  };
}

/** The channels as the configuration lists them. */
export function configuredChannels(config: Config): Channels {
  const fenced = new Set(
    config.authenticators.flatMap((one) => (one.type === 'test_customers' ? one.channels : [])),
  );
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
      appRedirects: channel.app_redirects,
      proof: configuredProof(channel),
      testCustomers: fenced.has(channel.id),
      enforcement: channel.enforcement,
    }),
  );
  return createChannels(list, config.default_channel);
}
