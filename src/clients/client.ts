/**
 * Clients: OAuth 2.0 clients of partners. This room issues client secrets and authenticates clients at the token
 * endpoint; it never issues tokens.
 */
import type { AuditRecord } from '../audit/audit-record.ts';
import type { PartnerId } from '../partners/partner.ts';
import type { Brand } from '../platform/brand.ts';

export type ClientId = Brand<string, 'ClientId'>;

export interface ClientSecret {
  /** HMAC of the secret's SHA-256 under the credential pepper, base64url. */
  digest: string;
  createdAtMs: number;
  /** A secret in its grace period ends here; `undefined` for the current one. */
  expiresAtMs: number | undefined;
}

export interface OAuthClient {
  clientId: ClientId;
  partner: PartnerId;
  label: string;
  scopes: string[];
  grantTypes: string[];
  /** At most two are valid at a time, during a rotation. */
  secrets: ClientSecret[];
  createdAtMs: number;
  revokedAtMs: number | undefined;
}

export interface ClientStore {
  insert(client: OAuthClient, audit: AuditRecord): Promise<'inserted' | 'conflict'>;
  find(clientId: ClientId): Promise<OAuthClient | undefined>;
  list(partner?: PartnerId): Promise<OAuthClient[]>;
  /** Marks the client revoked; `missing` when there is none of this id that is not revoked. */
  revoke(clientId: ClientId, atMs: number, audit: AuditRecord): Promise<'revoked' | 'missing'>;
}
