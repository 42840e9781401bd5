/**
 * Clients: OAuth 2.0 clients of partners. This room issues client secrets, keeps what a client registered and
 * authenticates clients at the OAuth endpoints; it never issues tokens.
 */
import type { JWK } from 'jose';
import type { AuditRecord } from '../audit/audit-record.ts';
import type { EndWithRevocations, Revocation } from '../revocation/revocation-types.ts';
import type { PartnerId } from '../partners/partner.ts';
import type { DueGrace, RotationPlan } from '../partners/secret-rotation.ts';
import type { Brand } from '../platform/brand.ts';
import type { OpenIdSettings } from './openid-settings.ts';

export type ClientId = Brand<string, 'ClientId'>;

/** Where the application runs: on a server, installed on a device (RFC 8252), or wholly in a browser. */
export type ApplicationType = 'web' | 'native' | 'spa';

/** How a client proves itself: a secret, a signed assertion (RFC 7523), or not at all (a public client). */
export type ClientAuthentication = 'secret' | 'private_key_jwt' | 'none';

export interface ClientSecret {
  /** HMAC of the secret's SHA-256 under the credential pepper, base64url. */
  digest: string;
  /** Shown in lists and reports. */
  secretId: string;
  createdAtMs: number;
  /** A replaced secret ends here; `undefined` for the current one. */
  expiresAtMs: number | undefined;
  /** A compromised secret: from here on it is like one that never was. */
  revokedAtMs: number | undefined;
  /** Written some seconds after the fact. */
  firstUsedAtMs: number | undefined;
  lastUsedAtMs: number | undefined;
  /** While a rotation waits for its successor's first use: how long it lives on from then. */
  graceMs?: number | undefined;
}

export interface OAuthClient {
  clientId: ClientId;
  partner: PartnerId;
  label: string;
  scopes: string[];
  grantTypes: string[];
  applicationType: ApplicationType;
  /** The company's own applications (`first`) are not asked about; for others the customer consents. */
  party: 'first' | 'third';
  authentication: ClientAuthentication;
  /** Compared character by character. */
  redirectUris: string[];
  /** Public keys that assertions are checked with; empty unless `authentication` is `private_key_jwt`. */
  publicKeys: JWK[];
  /** `undefined` for a client of OAuth 2.0 alone: it gets no ID tokens. */
  openid?: OpenIdSettings | undefined;
  /** Oldest first. At most two are valid at a time, during a rotation; empty without a secret. */
  secrets: ClientSecret[];
  createdAtMs: number;
  revokedAtMs: number | undefined;
}

export interface ClientStore {
  insert(client: OAuthClient, audit: AuditRecord): Promise<'inserted' | 'conflict'>;
  find(clientId: ClientId): Promise<OAuthClient | undefined>;
  list(partner?: PartnerId): Promise<OAuthClient[]>;
  /** Replaces label, scopes and redirect URIs; `missing` when there is none of this id that is not revoked. */
  update(client: OAuthClient, audit: AuditRecord): Promise<'updated' | 'missing'>;
  /**
   * Adds a successor and bounds every secret that lives by the plan, both or neither. `conflict` when `maxLive`
   * secrets live already.
   */
  rotate(
    clientId: ClientId,
    rotation: { successor: ClientSecret; plan: RotationPlan; maxLive: number },
    audit: AuditRecord,
  ): Promise<'rotated' | 'conflict' | 'missing'>;
  /** Marks secrets as compromised and adds a successor, if one is given; `missing` when none of them was left. */
  compromise(
    clientId: ClientId,
    change: {
      secretIds: readonly string[];
      atMs: number;
      revocations?: readonly Revocation[];
      successor: ClientSecret | undefined;
    },
    audit: AuditRecord,
  ): Promise<'ended' | 'missing'>;
  /** Replaced secrets whose grace has begun and is not settled. */
  dueGraces(): Promise<DueGrace[]>;
  /** Settles a grace; `missing` when another process has. */
  startGrace(secretId: string, expiresAtMs: number, audit: AuditRecord): Promise<'started' | 'missing'>;
  /** Notes uses of secrets: the first is kept, the last only moves forward. */
  recordUses(uses: readonly { secretId: string; firstAtMs: number; lastAtMs: number }[]): Promise<void>;
  /** Marks the client revoked; `missing` when there is none of this id that is not revoked. */
  revoke(clientId: ClientId, end: EndWithRevocations, audit: AuditRecord): Promise<'revoked' | 'missing'>;
}
