import type { JsonValue, ProofShape } from './channel-profile.ts';
import { evaluateMembers, type ValueFacts } from './evaluate-value.ts';
import { valueNotAllowed } from './mint.ts';

type JwtShape = Extract<ProofShape, { shape: 'shared_secret_jwt' | 'published_key_jwt' }>;

const MAX_CLAIM_TEXT = 4_096;

/** Types of the claims that RFC 7519 section 4.1 registers. */
function checkRegisteredClaims(claims: Readonly<Record<string, JsonValue>>): void {
  for (const name of ['iss', 'sub', 'jti']) {
    const value = claims[name];
    if (value === undefined) continue;
    if (typeof value !== 'string') throw valueNotAllowed(name, 'type');
    if (value.length > MAX_CLAIM_TEXT) throw valueNotAllowed(name, 'length');
  }
  for (const name of ['exp', 'iat', 'nbf']) {
    const value = claims[name];
    if (value === undefined) continue;
    if (!Number.isSafeInteger(value) || (value as number) <= 0) throw valueNotAllowed(name, 'type');
  }
  const { iat, nbf } = claims;
  // A vendor whose clock runs behind would refuse a proof that begins later than it was issued.
  if (nbf !== undefined && nbf !== iat) throw valueNotAllowed('nbf', 'later_than_iat');
}

const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/**
 * Builds, checks and signs a compact JWS (RFC 7515 section 3.1). Nothing is signed before every registered claim has
 * its type; a token beyond the vendor's size is not given out. Throws `CHANNEL_VALUE_NOT_ALLOWED`, `ValueMissing`.
 */
export function signedJwt(
  shape: JwtShape,
  facts: ValueFacts,
  key: { kid?: string; sign(input: string): Buffer },
): string {
  const header = {
    alg: shape.algorithm,
    ...evaluateMembers(shape.header, facts),
    ...(key.kid === undefined ? {} : { kid: key.kid }),
  };
  const claims = evaluateMembers(shape.claims, facts);
  checkRegisteredClaims(claims);
  const input = `${encoded(header)}.${encoded(claims)}`;
  const token = `${input}.${key.sign(input).toString('base64url')}`;
  if (Buffer.byteLength(token) > shape.maxTokenBytes) throw valueNotAllowed('token', 'length');
  return token;
}
