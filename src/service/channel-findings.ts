import type { Channel, Channels } from '../channels/channel.ts';
import type { ChannelProof } from '../channels/channel-proof.ts';
import type { ProofShape } from '../channels/channel-profile.ts';
import { evaluatePath } from '../channels/evaluate-value.ts';
import type { Config } from '../config/config.ts';
import { failureSentence } from '../connections/failure-sentence.ts';
import type { Connection } from '../connections/connection.ts';
import type { ProbeChannel } from '../customers/channel-proofs/probe-channel.ts';
import type { Finding } from '../http/admin/status.ts';
import type { SigningRing } from '../tokens/signing-key-types.ts';
import type { SigningRings } from '../tokens/signing-rings.ts';

export interface ChannelFindingsDeps {
  config: Pick<Config, 'tokens'>;
  channels: Channels;
  probeChannel: ProbeChannel;
  connections: ReadonlyMap<string, Pick<Connection, 'origin' | 'request'>>;
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

/** Stands in the path for a customer who does not exist. */
const NOBODY = 'symbolon-probe';

/**
 * Reaches the vendor's API at the place where tokens are given, and asks for none: a token may make a customer there.
 * That it gives one, `symbolon channels probe` shows.
 */
async function reachVendor(
  channel: Channel,
  proof: ChannelProof,
  connections: ChannelFindingsDeps['connections'],
): Promise<Finding[]> {
  const { vendor, id, version, proof: shape } = proof.profile;
  if (shape.shape !== 'fetched_token') return [];
  const subject = `channel ${channel.id}`;
  const { settings } = proof;
  const named = settings['connection'];
  const connection = typeof named === 'string' ? connections.get(named) : undefined;
  if (!connection) return [];
  const said = (ok: boolean, what: string): Finding[] => [
    { subject, ok, message: `${vendor} (profile ${id}, version ${version}): ${what}` },
  ];
  try {
    const facts = { identifier: NOBODY, settings, tokenId: NOBODY, issuedAt: 0, expiresAt: 0 };
    const path = evaluatePath(shape.request.path, { ...facts, attributes: {}, inputs: {} });
    const headers = { accept: 'application/json' };
    const { status } = await connection.request({ method: 'GET', path, headers });
    const answered = `${connection.origin} answered ${status} to a question that names no customer`;
    if (status === 401 || status === 403) return said(false, `${answered}: it refuses our credentials.`);
    if (status >= 300 && status < 400) return said(false, `${answered}: redirects are not followed.`);
    if (status >= 500 || status === 429) return said(false, `${answered}: it does not work at the moment.`);
    const proves = `whether it gives tokens, symbolon channels probe ${channel.id} shows`;
    return said(true, `${answered}: reached; ${proves}.`);
  } catch (error) {
    return said(false, failureSentence(error));
  }
}

/** Makes and checks a proof of each channel; those that the vendor itself would have to make are left to `probe`. */
async function tryChannel(
  channel: Channel,
  { probeChannel, connections }: Pick<ChannelFindingsDeps, 'probeChannel' | 'connections'>,
): Promise<Finding[]> {
  const { proof } = channel;
  const subject = `channel ${channel.id}`;
  if (!proof) return [];
  if (proof.profile.proof.shape === 'fetched_token') return reachVendor(channel, proof, connections);
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
  const tried = await Promise.all(deps.channels.all().map((channel) => tryChannel(channel, deps)));
  return [...tried.flat(), ...oldKeys(deps)];
}
