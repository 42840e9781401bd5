import type { Channel, Channels } from '../channels/channel.ts';
import type { ProofShape } from '../channels/channel-profile.ts';
import type { Config } from '../config/config.ts';
import type { ProbeChannel } from '../customers/channel-proofs/probe-channel.ts';
import type { Finding } from '../http/admin/status.ts';
import type { SigningRing } from '../tokens/signing-key-types.ts';
import type { SigningRings } from '../tokens/signing-rings.ts';

export interface ChannelFindingsDeps {
  config: Pick<Config, 'tokens'>;
  channels: Channels;
  probeChannel: ProbeChannel;
  rings: Pick<SigningRings, 'list'>;
  nowMs(): number;
}

const DAY_MS = 864e5;

/** Whether a person has to bring our key to the vendor, so that replacing it by itself would shut customers out. */
const isBroughtByHand = (proof: ProofShape): boolean =>
  proof.shape === 'published_key_jwt' && proof.publish.endsWith('_upload');

/** Rings whose keys are replaced by command alone. */
export function ringsKeptByHand(channels: Channels): ReadonlySet<SigningRing> {
  const isVendors = channels.all().some(({ proof }) => proof && isBroughtByHand(proof.profile.proof));
  return new Set<SigningRing>(isVendors ? ['vendor'] : []);
}

/** Makes and checks a proof of each channel; those that the vendor itself would have to make are left to `probe`. */
async function tryChannel(channel: Channel, probeChannel: ProbeChannel): Promise<Finding[]> {
  const { proof } = channel;
  const subject = `channel ${channel.id}`;
  if (!proof || proof.profile.proof.shape === 'fetched_token') return [];
  const needsInput = Object.entries(proof.profile.inputs).some(
    ([name, { required }]) => required && name !== 'code_challenge',
  );
  if (needsInput) return [];
  const { vendor, id, version } = proof.profile;
  try {
    const probe = await probeChannel(channel, {}, { actor: 'system', requestId: 'doctor', address: '' });
    const how = `${vendor} (profile ${id}, version ${version})`;
    if (probe.ok) {
      const message =
        proof.profile.proof.shape === 'oidc_code'
          ? `makes codes for ${how}; whether they hold, only a sign-in at your page shows`
          : `makes proofs that hold for ${how}`;
      return [{ subject, ok: true, message }];
    }
    return [
      {
        subject,
        ok: false,
        message:
          probe.failure ?? `A proof for ${how} does not hold. Run: symbolon channels probe ${channel.id}`,
      },
    ];
  } catch {
    return [
      { subject, ok: false, message: `No proof can be tried. Run: symbolon channels probe ${channel.id}` },
    ];
  }
}

/** Keys that somebody has to bring to a vendor, and that have been there for long. */
function oldKeys({ config, channels, rings, nowMs }: ChannelFindingsDeps): Finding[] {
  const maxAgeDays = config.tokens.signing_key_max_age_days;
  const signing = rings.list().find(({ ring, state }) => ring === 'vendor' && state === 'signing');
  if (maxAgeDays === 0 || !signing || !ringsKeptByHand(channels).has('vendor')) return [];
  const ageDays = Math.floor((nowMs() - signing.signsAtMs) / DAY_MS);
  if (ageDays < maxAgeDays) return [];
  return [
    {
      subject: 'signing key of chat vendors',
      ok: true,
      warning: true,
      message: `signs for ${ageDays} days, and only you can replace it where it was uploaded. Run: symbolon signing-keys rotate --ring vendor --signs-after-hours 72, then upload the new key`,
    },
  ];
}

/** What is to be said of the channels that serve a chat vendor. */
export async function channelFindings(deps: ChannelFindingsDeps): Promise<Finding[]> {
  const tried = await Promise.all(
    deps.channels.all().map((channel) => tryChannel(channel, deps.probeChannel)),
  );
  return [...tried.flat(), ...oldKeys(deps)];
}
