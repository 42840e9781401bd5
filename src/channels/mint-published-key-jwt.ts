import { sign } from 'node:crypto';
import type { Clock } from '../platform/clock.ts';
import type { SigningRings } from '../tokens/signing-rings.ts';
import { signedJwt } from './jwt-parts.ts';
import { factsOf, type Mint } from './mint.ts';

const DIGESTS = { RS256: 'sha256', RS512: 'sha512' } as const;

/** A JWT under the key of our vendor ring that signs now; its `kid` is always in the header. */
export function createPublishedKeyMint(
  rings: Pick<SigningRings, 'signer' | 'ensure'>,
  clock: Clock,
): Mint<'published_key_jwt'> {
  return async (request) => {
    const { shape, proof } = request;
    await rings.ensure('vendor');
    const { kid, privateKey } = rings.signer('vendor');
    const nowMs = clock.nowMs();
    const facts = factsOf(request, nowMs, {
      lifetimeSeconds: proof.lifetimeSeconds,
      maxSeconds: shape.lifetime.maxSeconds,
      backdateSeconds: shape.backdateSeconds,
    });
    const token = signedJwt(shape, facts, {
      kid,
      sign: (input) => sign(DIGESTS[shape.algorithm], Buffer.from(input), privateKey),
    });
    return {
      kind: 'jwt',
      token,
      expiresInSeconds: facts.expiresAt - Math.floor(nowMs / 1000),
      facts: { ...facts, proof: token },
    };
  };
}
