import { createHmac } from 'node:crypto';
import type { Clock } from '../platform/clock.ts';
import { signedJwt } from './jwt-parts.ts';
import { factsOf, type Mint } from './mint.ts';
import { sharedSecret } from './shared-secret.ts';

const DIGESTS = { HS256: 'sha256', HS384: 'sha384', HS512: 'sha512' } as const;

/** A JWT under the secret that the vendor shares with the company (RFC 7518 section 3.2). */
export function createSharedSecretMint(clock: Clock): Mint<'shared_secret_jwt'> {
  return (request) => {
    const { shape, proof } = request;
    const nowMs = clock.nowMs();
    const facts = factsOf(request, nowMs, {
      lifetimeSeconds: proof.lifetimeSeconds,
      maxSeconds: shape.lifetime.maxSeconds,
      backdateSeconds: shape.backdateSeconds,
    });
    const secret = sharedSecret(proof.settings, shape.secretEncoding);
    const token = signedJwt(shape, facts, {
      sign: (input) => createHmac(DIGESTS[shape.algorithm], secret).update(input).digest(),
    });
    return {
      kind: 'jwt',
      token,
      expiresInSeconds: facts.expiresAt - Math.floor(nowMs / 1000),
      facts: { ...facts, proof: token },
    };
  };
}
