import type { JWK } from 'jose';
import type { AuditRecord } from '../audit/audit-record.ts';

/** A set of keys for one kind of token. */
export type SigningRing = 'customer' | 'access' | 'assertion' | 'id' | 'vendor';
/** Rings that have a key as soon as they are opened. */
export const RINGS_FROM_START: readonly SigningRing[] = ['customer', 'access', 'assertion'];
/** The others get their first key from whoever needs one (`ensure`): those of proofs for chat vendors are rarely needed. */
export const SIGNING_RINGS: readonly SigningRing[] = [...RINGS_FROM_START, 'id', 'vendor'];

export type SigningAlgorithm = 'ES256' | 'EdDSA' | 'RS256';

/** A signing key as it is stored. Its state follows from these moments and the clock, so nothing has to move it. */
export interface StoredSigningKey {
  kid: string;
  ring: SigningRing;
  algorithm: SigningAlgorithm;
  publicJwk: JWK;
  /** PKCS #8, sealed by the keyring for `token-signing`. */
  sealedPrivateKey: string;
  /** In the key set from here on. */
  publishedAtMs: number;
  /** Signs from here on, until a younger key of its ring does. */
  signsAtMs: number;
  /** Removed at once in an emergency; `undefined` otherwise. */
  revokedAtMs: number | undefined;
}

export interface SigningKeyStore {
  list(): Promise<StoredSigningKey[]>;
  /** Adds the first key of a ring unless it has one: of two processes exactly one is told `true`. */
  addFirst(key: StoredSigningKey): Promise<boolean>;
  add(key: StoredSigningKey, auditRecord: AuditRecord): Promise<void>;
  revoke(kid: string, atMs: number, auditRecord: AuditRecord): Promise<'revoked' | 'missing'>;
  /** Deletes keys by kid, once nothing that they signed can still be alive. */
  remove(kids: readonly string[]): Promise<void>;
}
