/**
 * API keys: pairs of a public id (`pk_…`) and a secret (`sk_…`). This room owns their format, issue, look-up, the
 * checks that a key's own settings ask for (signature, address) and revocation. How a signature is computed is in
 * `signatures`; which key a request needs is decided at the edge.
 */
import type { AuditRecord } from '../audit/audit-record.ts';
import type { EndWithRevocations, Revocation } from '../revocation/revocation-types.ts';
import type { PartnerId } from '../partners/partner.ts';
import type { DueGrace, RotationPlan } from '../partners/secret-rotation.ts';

export type ApiKeyEnvironment = 'live' | 'test';
/** `bearer`: the secret is presented. `signing`: it signs requests and never travels. */
export type ApiKeyUse = 'bearer' | 'signing';
/** Which request signature a key needs. Never `none` for signing use. */
export type SignaturePolicy = 'none' | 'v1' | 'v2' | 'any';

/** One secret of a key; two may be live at a time, while a rotation is under way. */
export interface ApiKeySecret {
  secretId: string;
  /**
   * HMAC of the secret's SHA-256 under the credential pepper, base64url. Unique among all secrets; that of a signing
   * secret serves that alone, and is never looked up for a bearer; `undefined` where there is none to compare.
   */
  digest: string | undefined;
  /** The signing key that follows from the secret, sealed for this secret id. */
  sealedSigningKey: string | undefined;
  createdAtMs: number;
  /** A replaced secret ends here; its holder is told that it has expired. */
  expiresAtMs: number | undefined;
  /** A compromised secret: from here on it is like one that never was. */
  revokedAtMs: number | undefined;
  /** Written some seconds after the fact. */
  firstUsedAtMs: number | undefined;
  lastUsedAtMs: number | undefined;
  /** While a rotation waits for its successor's first use: how long it lives on from then. */
  graceMs?: number | undefined;
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

export interface ApiKeyStore {
  insert(key: ApiKey, audit: AuditRecord): Promise<'inserted' | 'conflict'>;
  findByPublicDigest(digest: string): Promise<ApiKey | undefined>;
  /** The key that one of whose secrets has this digest. */
  findBySecretDigest(digest: string): Promise<ApiKey | undefined>;
  find(keyId: string): Promise<ApiKey | undefined>;
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
  /**
   * Adds a successor, bounds every secret that lives by the plan and sets the key's expiry, all or nothing.
   * `conflict` when `maxLive` secrets live already.
   */
  rotate(
    keyId: string,
    rotation: {
      successor: ApiKeySecret;
      plan: RotationPlan;
      keyExpiresAtMs: number | undefined;
      maxLive: number;
    },
    audit: AuditRecord,
  ): Promise<'rotated' | 'conflict' | 'missing'>;
  /** Marks secrets as compromised and adds a successor, if one is given; `missing` when none of them was left. */
  compromise(
    keyId: string,
    change: {
      secretIds: readonly string[];
      atMs: number;
      revocations?: readonly Revocation[];
      successor: ApiKeySecret | undefined;
    },
    audit: AuditRecord,
  ): Promise<'ended' | 'missing'>;
  /** Replaced secrets whose grace has begun and is not settled. */
  dueGraces(): Promise<DueGrace[]>;
  /** Settles a grace; `missing` when another process has. */
  startGrace(secretId: string, expiresAtMs: number, audit: AuditRecord): Promise<'started' | 'missing'>;
  revoke(keyId: string, end: EndWithRevocations, audit: AuditRecord): Promise<'revoked' | 'missing'>;
  /** Notes uses of secrets, and of keys by their own id: the first is kept, the last only moves forward. */
  recordUses(uses: readonly SecretUse[]): Promise<void>;
}
