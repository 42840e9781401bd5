import { afterEach, expect, it } from 'vitest';
import { createChannels, type Channel } from '../../../src/channels/channel.ts';
import type { ChannelProfile } from '../../../src/channels/channel-profile.ts';
import { channelFindings, ringsKeptByHand } from '../../../src/service/channel-findings.ts';
import { JWT_PARTS, openMinting, recordOf } from '../channels/minting.ts';

let t: Awaited<ReturnType<typeof openMinting>> | undefined;
afterEach(() => t?.close());

const DAY_MS = 864e5;
const signed = (publish: 'jwks' | 'jwk_upload' | 'pem_upload' | 'pem_url') =>
  recordOf({ shape: 'published_key_jwt', algorithm: 'RS256', publish, ...JWT_PARTS });

async function open(profile: ChannelProfile) {
  t = await openMinting();
  const channel: Channel = t.channelOf(profile, { settings: {} });
  await t.rings.ensure('vendor');
  return { ...t, channels: createChannels([channel], channel.id) };
}

it.each([
  ['jwks', false],
  ['pem_url', false],
  ['jwk_upload', true],
  ['pem_upload', true],
] as const)('a key that vendors get by %s is kept by hand: %s', async (publish, isKept) => {
  const { channels, rings, audit, clock } = await open(signed(publish));
  expect(ringsKeptByHand(channels).has('vendor')).toBe(isKept);
  clock.advance(91 * DAY_MS);
  const added = () => audit.record('signing_key.added', { outcome: 'success', actor: 'system' });
  const aged = await rings.rotateAged(90 * DAY_MS, () => added, ringsKeptByHand(channels));
  expect(aged.includes('vendor')).toBe(!isKept);
  expect(aged).toContain('customer');
});

it('the doctor asks for a new key when an uploaded one is old, and only then', async () => {
  const { channels, rings, clock } = await open(signed('jwk_upload'));
  const find = () =>
    channelFindings({
      config: { tokens: { signing_key_max_age_days: 90 } } as never,
      channels,
      rings,
      nowMs: () => clock.nowMs(),
      connections: new Map(),
      probeChannel: () => Promise.reject(new Error('not in this test')),
    });
  const warned = async () => (await find()).filter(({ warning }) => warning === true);
  expect(await warned()).toEqual([]);
  clock.advance(91 * DAY_MS);
  expect(await warned()).toEqual([
    expect.objectContaining({ ok: true, message: expect.stringContaining('91 days') }),
  ]);
});
