import type { Revocations } from '../revocation/revocations.ts';
import type { CustomerToken, CustomerTokens } from '../tokens/customer-token.ts';

/**
 * Whether a customer token was taken back. What ends a customer ends every sign-in up to that moment and all that comes
 * of it, so also a token that another process issued from such a sign-in before it knew.
 */
export function isTokenRevoked(
  {
    revocations,
    customerTokens,
  }: {
    revocations: Pick<Revocations, 'isRevoked'>;
    customerTokens: Pick<CustomerTokens, 'authenticatedAtMs'>;
  },
  token: CustomerToken,
): boolean {
  const { sid, jti, customerId, issuedAtMs, authTime } = token;
  if (revocations.isRevoked('session', sid, issuedAtMs)) return true;
  if (revocations.isRevoked('token', jti, issuedAtMs)) return true;
  if (revocations.isRevoked('customer', customerId, issuedAtMs)) return true;
  // The claim is cut off to seconds: only when it may be too early is the exact moment read, which costs more.
  return (
    revocations.isRevoked('customer', customerId, authTime * 1000) &&
    revocations.isRevoked('customer', customerId, customerTokens.authenticatedAtMs(token))
  );
}
