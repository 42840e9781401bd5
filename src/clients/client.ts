/**
 * Clients: OAuth 2.0 clients of partners. This room issues client secrets, keeps what a client registered and
 * authenticates clients at the OAuth endpoints; it never issues tokens.
 */
import type { JWK } from 'jose';
import type { AuditRecord } from '../audit/audit-record.ts';
import type { EndWithRevocations } from '../revocation/revocation-types.ts';
import type { PartnerId } from '../partners/partner.ts';
import type { SecretReplacementStore } from '../partners/replace-secrets.ts';
import type { KeptSecret } from '../partners/secret-rotation.ts';
import type { Brand } from '../platform/brand.ts';

export type ClientId = Brand<string, 'ClientId'>;

/** Where the application runs: on a server, installed on a device (RFC 8252), or wholly in a browser. */
export type ApplicationType = 'web' | 'native' | 'spa';

/** How a client proves itself: a secret, a signed assertion (RFC 7523), or not at all (a public client). */
export type ClientAuthentication = 'secret' | 'private_key_jwt' | 'none';

export interface ClientSecret extends KeptSecret {
  /** HMAC of the secret's SHA-256 under the credential pepper, base64url. */
  digest: string;
}

/** What a client of OpenID Connect registers beyond OAuth 2.0: a chat vendor that redeems codes, above all. */
export interface OpenIdSettings {
  /**
   * `vendor`: the vendor cannot do PKCE, and a code without a challenge is taken from it. Only for clients that
   * authenticate; a code of the redirect flow then needs a nonce (RFC 9700 section 2.1.1).
   */
  pkce: 'required' | 'vendor';
  /** Claim name to profile field: what this client is told of a customer besides the identifier. Usually nothing. */
  claims: Readonly<Record<string, string>>;
  /** The claims stand in ID tokens too, where every holder can read them. */
  claimsInIdToken: boolean;
  /** Stated as `acr` in every ID token, for vendors that compare it. */
  acr: string | undefined;
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

export interface ClientStore extends SecretReplacementStore<ClientId, OAuthClient, unknown> {
  insert(client: OAuthClient, audit: AuditRecord): Promise<'inserted' | 'conflict'>;
  list(partner?: PartnerId): Promise<OAuthClient[]>;
  /** Replaces label, scopes and redirect URIs; `missing` when there is none of this id that is not revoked. */
  update(client: OAuthClient, audit: AuditRecord): Promise<'updated' | 'missing'>;
  /** Notes uses of secrets: the first is kept, the last only moves forward. */
  recordUses(uses: readonly { secretId: string; firstAtMs: number; lastAtMs: number }[]): Promise<void>;
  /** Marks the client revoked; `missing` when there is none of this id that is not revoked. */
  revoke(clientId: ClientId, end: EndWithRevocations, audit: AuditRecord): Promise<'revoked' | 'missing'>;
}
