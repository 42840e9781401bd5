import type { Revocations } from '../revocation/revocations.ts';
import type { RefreshFamilies } from '../tokens/refresh-families.ts';
import type { SessionBinding } from './openid-binding.ts';

/** What a client keeps with its refresh family. */
export interface AppFamilyPayload {
  scopes: readonly string[];
  reference: string;
  channel: string;
  authTimeMs: number;
  /** Profile fields that the customer agreed to; `undefined` for an app of the company's own that nobody is asked about. */
  fields: readonly string[] | undefined;
  /** Of OpenID Connect: the family ends with this session of the customer. */
  session?: SessionBinding | undefined;
}

export type AppFamilies = RefreshFamilies<AppFamilyPayload>;

/** Under this id all of a client's access to one customer can be revoked at once. */
export function appAccessId(clientId: string, customerId: string): string {
  return `${clientId} ${customerId}`;
}

/** Whether access that a customer gave a client at `givenAtMs` has been taken back since. */
export function isAccessRevoked(
  revocations: Revocations,
  access: { clientId: string; customerId: string; grantId: string; givenAtMs: number },
): boolean {
  const { clientId, customerId, grantId, givenAtMs } = access;
  return (
    revocations.isRevoked('grant', grantId, givenAtMs) ||
    revocations.isRevoked('grant', appAccessId(clientId, customerId), givenAtMs) ||
    revocations.isRevoked('customer', customerId, givenAtMs)
  );
}
