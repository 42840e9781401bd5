import { z } from 'zod';
import type { Channel, Channels } from '../../channels/channel.ts';
import { attributesThatLeave } from '../../channels/channel-proof.ts';
import type { VendorKeys } from '../../channels/vendor-keys.ts';
import type { ChannelCalls } from '../../customers/channel-proofs/channel-calls.ts';
import type { ProbeChannel } from '../../customers/channel-proofs/probe-channel.ts';
import { BridgeError } from '../../errors.ts';
import type { Endpoint } from '../endpoint.ts';
import { adminEndpoint, listOf } from './admin-endpoint.ts';

export interface ChannelEndpointsDeps {
  channels: Channels;
  channelCalls: ChannelCalls;
  probeChannel: ProbeChannel;
  vendorKeys: VendorKeys;
  issuer: string;
}

const enforcementSchema = z.enum(['accept', 'warn', 'enforce']);
const nullable = z.string().nullable();

const channelSchema = z
  .strictObject({
    id: z.string(),
    group: z.string(),
    profile: nullable.meta({ description: 'The chat vendor, by its channel profile.' }),
    vendor: nullable,
    proof: nullable.meta({ description: 'Shape of the proof.' }),
    proof_lifetime_seconds: z.int().nullable(),
    enforcement: enforcementSchema,
  })
  .meta({ id: 'Channel' });

const channelDetailSchema = channelSchema
  .extend({
    version: z.int().nullable(),
    product: nullable,
    algorithm: nullable,
    identifier: nullable.meta({ description: 'Where the vendor takes the customer from.' }),
    delivery: z.enum(['cookie', 'token']),
    refresh_tokens: z.boolean(),
    allowed_origins: z.array(z.string()),
    settings: z.array(z.string()).meta({ description: 'Names of the settings that are made; never values.' }),
    attributes: z.array(
      z.strictObject({
        name: z.string(),
        field: nullable.meta({
          description: 'Profile field that fills it; null: it does not leave the house.',
        }),
        personal: z.boolean(),
        required: z.boolean(),
      }),
    ),
    inputs: z.array(z.string()),
    client: nullable,
    key_address: nullable.meta({
      description: 'Where the vendor, or you, get the public key that signs the proofs now.',
    }),
  })
  .meta({ id: 'ChannelDetail' });

const proofOf = ({ proof }: Channel) => ({
  profile: proof?.profile.id ?? null,
  vendor: proof?.profile.vendor ?? null,
  proof: proof?.profile.proof.shape ?? null,
  proof_lifetime_seconds: proof?.lifetimeSeconds ?? null,
});

const describeChannel = (channel: Channel) => ({
  id: channel.id,
  group: channel.group,
  ...proofOf(channel),
  enforcement: channel.enforcement ?? 'enforce',
});

/** Where the key of a published-key proof is to be had, in the spelling that its vendor takes. */
async function keyAddress({ proof }: Channel, deps: ChannelEndpointsDeps): Promise<string | null> {
  const shape = proof?.profile.proof;
  if (shape?.shape !== 'published_key_jwt') return null;
  const wellKnown = `${deps.issuer}/.well-known`;
  if (shape.publish === 'jwks') return `${wellKnown}/jwks.json`;
  if (shape.publish === 'pem_url') return `${wellKnown}/vendor-keys.pem`;
  const key = await deps.vendorKeys.ensureCurrent();
  return key ? `${wellKnown}/vendor-keys/${key.kid}.${shape.publish === 'jwk_upload' ? 'jwk' : 'pem'}` : null;
}

function describeWhole(channel: Channel) {
  const { proof } = channel;
  const profile = proof?.profile;
  const leaving = profile ? attributesThatLeave(profile) : [];
  return {
    ...describeChannel(channel),
    version: profile?.version ?? null,
    product: profile?.product ?? null,
    algorithm: profile && 'algorithm' in profile.proof ? profile.proof.algorithm : null,
    identifier: profile?.identifier.field ?? null,
    delivery: channel.delivery,
    refresh_tokens: channel.refreshTokens !== undefined,
    allowed_origins: [...channel.allowedOrigins],
    settings: Object.keys(proof?.settings ?? {}),
    attributes: leaving.map((name) => ({
      name,
      field: (Object.hasOwn(proof?.attributes ?? {}, name) && proof?.attributes[name]) || null,
      personal: profile?.attributes[name]?.personal ?? false,
      required: profile?.attributes[name]?.required ?? false,
    })),
    inputs: Object.keys(profile?.inputs ?? {}),
    client: proof?.client ?? null,
  };
}

const countSchema = z
  .strictObject({
    channel: z.string(),
    enforcement: enforcementSchema
      .nullable()
      .meta({ description: 'Null: the channel is not configured any more.' }),
    day: z.iso.date(),
    proof: z.enum(['proven', 'expired', 'unsigned', 'altered']),
    outcome: z.enum(['admitted', 'refused']),
    calls: z.int(),
  })
  .meta({ id: 'ChannelCallCount' });

const probeSchema = z
  .strictObject({
    channel: z.string(),
    profile: z.string(),
    version: z.int(),
    vendor: z.string(),
    ok: z.boolean(),
    kind: z.enum(['jwt', 'hmac', 'opaque']).nullable(),
    expires_in_seconds: z.int().nullable(),
    decoded: z
      .record(z.string(), z.unknown())
      .nullable()
      .meta({ description: 'Header and claims; never a signature.' }),
    web: z.array(z.string()).meta({ description: 'Members that the page hands to the widget.' }),
    steps: z.array(
      z.strictObject({
        form: z.enum(['genuine', 'unsigned', 'altered', 'wrong_key', 'expired']),
        verdict: z.enum(['accepted', 'refused', 'not_checkable']),
        why: nullable,
        ok: z.boolean().meta({ description: 'Whether the verdict is what it must be.' }),
      }),
    ),
    failure: nullable.meta({ description: 'Why no proof was made.' }),
    enforcement: z.string().meta({ description: "The vendor's own switch to turn on." }),
  })
  .meta({ id: 'ChannelProbe' });

const channelParameters = z.object({ channel: z.string().min(1).max(64) });

/** Channels and their vendors: what is configured, whether it works, and which calls come without a proof. */
export function channelEndpoints(deps: ChannelEndpointsDeps): Endpoint[] {
  const find = (id: string): Channel => {
    const channel = deps.channels.find(id);
    if (!channel) {
      throw new BridgeError('NOT_FOUND', {
        message: 'No channel has this name. If you just added it, restart the service.',
      });
    }
    return channel;
  };
  return [
    adminEndpoint({
      method: 'get',
      path: '/admin/channels',
      operationId: 'listChannels',
      summary: 'Channels and the vendors that they serve',
      answer: listOf(channelSchema),
      run: () => ({ items: deps.channels.all().map(describeChannel) }),
    }),
    adminEndpoint({
      method: 'get',
      path: '/admin/channel-calls',
      operationId: 'listChannelCalls',
      summary: 'Calls about customers by channel, day and kind of proof',
      query: z.object({ days: z.coerce.number().int().min(1).max(365).default(7) }),
      answer: listOf(countSchema),
      run: async ({ query }) => ({
        items: (await deps.channelCalls.recent(query.days)).map((one) => ({
          ...one,
          enforcement: deps.channels.find(one.channel)?.enforcement ?? null,
        })),
      }),
    }),
    adminEndpoint({
      method: 'get',
      path: '/admin/channels/{channel}',
      operationId: 'getChannel',
      summary: 'One channel: its vendor, what leaves the house, and to whom',
      pathParameters: channelParameters,
      answer: channelDetailSchema,
      errors: ['NOT_FOUND'],
      run: async ({ path }) => {
        const channel = find(path.channel);
        return { ...describeWhole(channel), key_address: await keyAddress(channel, deps) };
      },
    }),
    adminEndpoint({
      method: 'post',
      path: '/admin/channels/{channel}/probe',
      operationId: 'probeChannel',
      summary:
        'Make the proof of a customer that does not exist, check it as the vendor would, then alter it',
      pathParameters: channelParameters,
      body: z.strictObject({ input: z.record(z.string(), z.string()).default({}) }).meta({
        id: 'ChannelProbeRequest',
        description: 'Inputs that the profile needs from the page.',
      }),
      answer: probeSchema,
      errors: ['NOT_FOUND', 'CHANNEL_HAS_NO_PROFILE'],
      run: async ({ path, body, by }) => {
        const probe = await deps.probeChannel(find(path.channel), body.input, by);
        const { expiresInSeconds, ...rest } = probe;
        return {
          ...rest,
          kind: probe.kind ?? null,
          expires_in_seconds: expiresInSeconds ?? null,
          decoded: probe.decoded ?? null,
          failure: probe.failure ?? null,
          steps: probe.steps.map((step) => ({ ...step, why: step.why ?? null })),
        };
      },
    }),
  ];
}
