import type { Clock } from '../platform/clock.ts';
import { uuidV7 } from '../platform/random.ts';
import { signJws } from './jws.ts';
import type { SigningRings } from './signing-rings.ts';

export const BACKEND_ASSERTION_TYPE = 'customer-assertion+jwt';
/** Life of an assertion towards a backend, in seconds. */
export const BACKEND_ASSERTION_SECONDS = 60;

/**
 * Signs a one-minute statement to one backend about which customer a call concerns: `sub` is the company's own
 * reference (this token stays inside the house), `customer_id` the opaque identifier.
 */
export function createAssertionSigner(deps: { rings: SigningRings; clock: Clock; issuer: string }) {
  return (request: { audience: string; customerId: string; reference: string }): string => {
    const nowMs = deps.clock.nowMs();
    const iat = Math.floor(nowMs / 1000);
    const key = deps.rings.signer('assertion');
    const claims = {
      iss: deps.issuer,
      aud: request.audience,
      sub: request.reference,
      customer_id: request.customerId,
      iat,
      exp: iat + BACKEND_ASSERTION_SECONDS,
      jti: uuidV7(nowMs),
    };
    return signJws(key.encodedHeader(BACKEND_ASSERTION_TYPE), claims, key.algorithm, key.privateKey);
  };
}
