import type { Partners } from '../partners/partners.ts';
import type { Revocations } from '../revocation/revocations.ts';
import type { AccessToken } from '../tokens/access-token.ts';
import { appAccessId } from './app-access.ts';

/**
 * Whether a verified access token is still good: nothing it rests on has been revoked (the token, its client, the
 * authorization, the customer, the session of an exchanged token) and its partner is enabled.
 */
export function isAccessTokenLive(
  token: AccessToken,
  { revocations, partners }: { revocations: Revocations; partners: Partners },
): boolean {
  const { customer, issuedAtMs, clientId } = token;
  const partner = partners.find(token.partner);
  if (!partner || partner.disabledAtMs !== undefined) return false;
  if (revocations.isRevoked('client', clientId, issuedAtMs)) return false;
  if (revocations.isRevoked('client_tokens', clientId, issuedAtMs)) return false;
  if (revocations.isRevoked('token', token.jti, issuedAtMs)) return false;
  if (!customer) return true;
  return !(
    revocations.isRevoked('grant', customer.grantId, issuedAtMs) ||
    revocations.isRevoked('grant', appAccessId(clientId, customer.customerId), issuedAtMs) ||
    revocations.isRevoked('customer', customer.customerId, issuedAtMs) ||
    (customer.sid !== undefined && revocations.isRevoked('session', customer.sid, issuedAtMs))
  );
}
