/**
 * API keys: pairs of a public id (`pk_…`) and a secret (`sk_…`). This room owns their format, issue, look-up, the
 * checks that a key's own settings ask for (signature, address) and revocation. How a signature is computed is in
 * `signatures`; which key a request needs is decided at the edge.
 */
import type { AuditRecord } from '../audit/audit-record.ts';
import type { EndWithRevocations, Revocation } from '../revocation/revocation-types.ts';
import type { PartnerId } from '../partners/partner.ts';
import type { SecretReplacementStore } from '../partners/replace-secrets.ts';
import type { KeptSecret } from '../partners/secret-rotation.ts';

export type ApiKeyEnvironment = 'live' | 'test';
/** `bearer`: the secret is presented. `signing`: it signs requests and never travels. */
export type ApiKeyUse = 'bearer' | 'signing';
/** Which request signature a key needs. Never `none` for signing use. */
export type SignaturePolicy = 'none' | 'v1' | 'v2' | 'any';

/** One secret of a key; two may be live at a time, while a rotation is under way. */
export interface ApiKeySecret extends KeptSecret {
  /**
   * HMAC of the secret's SHA-256 under the credential pepper, base64url. Unique among all secrets; that of a signing
   * secret serves that alone, and is never looked up for a bearer; `undefined` where there is none to compare.
   */
  digest: string | undefined;
  /** The signing key that follows from the secret, sealed for this secret id. */
  sealedSigningKey: string | undefined;
}

/** A public key that v2 signatures are checked with; its private half is with the partner alone. */
export interface ApiKeyPublicKey {
  /** The 32 bytes of an Ed25519 public key, base64url. */
  ed25519: string;
  createdAtMs: number;
}

export interface ApiKey {
  /** Internal id, shown in lists and audit records. */
  keyId: string;
  partner: PartnerId;
  label: string;
  environment: ApiKeyEnvironment;
  use: ApiKeyUse;
  signature: SignaturePolicy;
  scopes: string[];
  /** Addresses and ranges that it may be used from; empty: any. */
  allowedAddresses: string[];
  publicKeys: ApiKeyPublicKey[];
  /** First characters of the public id: enough to recognise it, not to use it. */
  publicPrefix: string;
  /** SHA-256 of the public id, base64url: how it is looked up. */
  publicDigest: string;
  /** Oldest first. */
  secrets: ApiKeySecret[];
  createdAtMs: number;
  expiresAtMs: number | undefined;
  revokedAtMs: number | undefined;
  /** When it was last named beside an access token, without a use of any of its secrets. */
  lastUsedAtMs?: number | undefined;
}

/** A secret was used; `publicKey` uses of a key are not counted. */
export interface SecretUse {
  secretId: string;
  firstAtMs: number;
  lastAtMs: number;
}

/** When a key ends after a rotation; `undefined`: never. */
export interface KeyEnd {
  keyExpiresAtMs: number | undefined;
}

export interface ApiKeyStore extends SecretReplacementStore<string, ApiKey, KeyEnd> {
  insert(key: ApiKey, audit: AuditRecord): Promise<'inserted' | 'conflict'>;
  findByPublicDigest(digest: string): Promise<ApiKey | undefined>;
  /** The key that one of whose secrets has this digest. */
  findBySecretDigest(digest: string): Promise<ApiKey | undefined>;
  list(partner?: PartnerId): Promise<ApiKey[]>;
  /** Replaces label, signature policy, scopes, addresses, public keys and expiry; nothing else. */
  update(key: ApiKey, audit: AuditRecord): Promise<'updated' | 'missing'>;
  /** `conflict` when `maxLive` secrets of the key live at the new one's creation, or its digest is taken. */
  addSecret(
    keyId: string,
    secret: ApiKeySecret,
    limits: { maxLive: number },
    audit: AuditRecord,
  ): Promise<'added' | 'conflict' | 'missing'>;
  /** Sets a secret's end; `missing` when the key has no such secret that is not revoked. */
  endSecret(
    keyId: string,
    secretId: string,
    end: { expiresAtMs: number } | { revokedAtMs: number; revocations?: readonly Revocation[] },
    audit: AuditRecord,
  ): Promise<'ended' | 'missing'>;
  revoke(keyId: string, end: EndWithRevocations, audit: AuditRecord): Promise<'revoked' | 'missing'>;
  /** Notes uses of secrets, and of keys by their own id: the first is kept, the last only moves forward. */
  recordUses(uses: readonly SecretUse[]): Promise<void>;
}
