/**
 * API keys: pairs of a public id (`pk_…`) and a secret (`sk_…`). This room owns their format, issue, look-up and
 * revocation; request signatures are verified in `signatures`.
 */
import type { AuditRecord } from '../audit/audit-record.ts';
import type { PartnerId } from '../partners/partner.ts';

export type ApiKeyEnvironment = 'live' | 'test';
/** `bearer`: the secret is presented. `signing`: it signs requests and never travels. */
export type ApiKeyUse = 'bearer' | 'signing';

export interface ApiKey {
  /** Internal id, shown in lists and audit records. */
  keyId: string;
  partner: PartnerId;
  label: string;
  environment: ApiKeyEnvironment;
  use: ApiKeyUse;
  /** Whether requests with this key must be signed. Always true for signing use. */
  signatureRequired: boolean;
  scopes: string[];
  /** First characters of the public id: enough to recognise it, not to use it. */
  publicPrefix: string;
  /** SHA-256 of the public id, base64url: how it is looked up. */
  publicDigest: string;
  /** HMAC of the secret's SHA-256 under the credential pepper, base64url; `undefined` for signing use. */
  secretDigest: string | undefined;
  /** For signing use: the signing key, sealed. */
  sealedSigningKey: string | undefined;
  createdAtMs: number;
  expiresAtMs: number | undefined;
  revokedAtMs: number | undefined;
}

export interface ApiKeyStore {
  insert(key: ApiKey, audit: AuditRecord): Promise<'inserted' | 'conflict'>;
  findByPublicDigest(digest: string): Promise<ApiKey | undefined>;
  findBySecretDigest(digest: string): Promise<ApiKey | undefined>;
  find(keyId: string): Promise<ApiKey | undefined>;
  list(partner?: PartnerId): Promise<ApiKey[]>;
  revoke(keyId: string, atMs: number, audit: AuditRecord): Promise<'revoked' | 'missing'>;
}
