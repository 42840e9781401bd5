import { createHmac } from 'node:crypto';
import type { Clock } from '../platform/clock.ts';
import { evaluate } from './evaluate-value.ts';
import { factsOf, type Mint, valueNotAllowed } from './mint.ts';
import { sharedSecret } from './shared-secret.ts';

/** Lower-case hex of HMAC-SHA-256 over one text. It never expires by itself: only a new secret ends it. */
export function createHmacMint(clock: Clock): Mint<'hmac'> {
  return (request) => {
    const { shape, proof } = request;
    const { lifetimeSeconds } = proof;
    const times = { lifetimeSeconds, maxSeconds: lifetimeSeconds, backdateSeconds: 0 };
    const facts = factsOf(request, clock.nowMs(), times);
    const message = evaluate(shape.message, facts);
    if (typeof message !== 'string' || message === '') throw valueNotAllowed('message', 'type');
    const secret = sharedSecret(proof.settings, shape.secretEncoding);
    const token = createHmac('sha256', secret).update(message, 'utf8').digest('hex');
    return { kind: 'hmac', token, expiresInSeconds: lifetimeSeconds, facts: { ...facts, proof: token } };
  };
}
