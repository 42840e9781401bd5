import { afterAll, beforeAll, expect, it } from 'vitest';
import { alterProof } from '../../../src/channels/altered-proofs.ts';
import type { ChannelProfile } from '../../../src/channels/channel-profile.ts';
import { verifyProof } from '../../../src/channels/verify-proof.ts';
import { ISSUER } from '../fixture.ts';
import { CUSTOMER, JWT_PARTS, openMinting, recordOf, SECRET } from './minting.ts';

let t: Awaited<ReturnType<typeof openMinting>>;
beforeAll(async () => {
  t = await openMinting();
});
afterAll(() => t.close());

const records: [string, ChannelProfile][] = [
  ['pass_through', recordOf({ shape: 'pass_through' })],
  [
    'shared_secret_jwt',
    recordOf({ shape: 'shared_secret_jwt', algorithm: 'HS256', secretEncoding: 'utf8', ...JWT_PARTS }),
  ],
  [
    'published_key_jwt',
    recordOf({ shape: 'published_key_jwt', algorithm: 'RS256', publish: 'jwks', ...JWT_PARTS }),
  ],
  [
    'published_key_jwt under RS512',
    recordOf({ shape: 'published_key_jwt', algorithm: 'RS512', publish: 'jwk_upload', ...JWT_PARTS }),
  ],
  ['hmac', recordOf({ shape: 'hmac', message: { from: 'identifier' }, secretEncoding: 'utf8' })],
];

it.each(records)(
  'a proof of shape %s is accepted as it is, and refused in every altered form',
  async (_name, profile) => {
    const { token, expiresInSeconds } = await t.mint(profile);
    const verify = (text: string, laterMs = 0) =>
      verifyProof({
        profile,
        token: text,
        secret: SECRET,
        message: CUSTOMER,
        keySet: t.rings.keySet(),
        issuer: ISSUER,
        channel: 'help',
        nowMs: t.clock.nowMs() + laterMs,
      });
    expect(await verify(token)).toEqual({ verdict: 'accepted' });
    const altered = await alterProof(profile, token, expiresInSeconds);
    expect(altered.length).toBeGreaterThanOrEqual(profile.proof.shape === 'hmac' ? 3 : 4);
    for (const { alteration, token: bad, laterMs } of altered) {
      expect([alteration, await verify(bad, laterMs)]).toEqual([
        alteration,
        { verdict: 'refused', why: expect.any(String) },
      ]);
    }
  },
);

it('a proof that lives longer than the vendor allows is refused', async () => {
  const long = recordOf({
    shape: 'shared_secret_jwt',
    algorithm: 'HS256',
    secretEncoding: 'utf8',
    ...JWT_PARTS,
    lifetime: { defaultSeconds: 6_000, maxSeconds: 6_000 },
  });
  const { token } = await t.mint(long);
  const [, capped] = records[1] as [string, ChannelProfile];
  const facts = { secret: SECRET, message: undefined, keySet: { keys: [] }, issuer: ISSUER, channel: 'help' };
  const verdict = await verifyProof({ profile: capped, token, nowMs: t.clock.nowMs(), ...facts });
  expect(verdict.verdict).toBe('refused');
});
