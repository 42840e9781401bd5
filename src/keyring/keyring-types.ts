import type { AuditRecord } from '../audit/audit-record.ts';

/** One key for one purpose. None of these keys is ever used for anything else (ASVS 11.1.1). */
export type KeyPurpose =
  /** Derives customer identifiers. */
  | 'identifier'
  /** Blind index over a customer's reference. */
  | 'identifier-index'
  /** Seals references at rest. */
  | 'reference'
  /** Derives the per-token key that seals the reference inside a customer token. */
  | 'token-reference'
  /** Seals what a session holds. */
  | 'session'
  /** Signs session cookies. */
  | 'session-cookie'
  /** Pepper of client secrets and API key secrets. */
  | 'credential-pepper'
  /** Seals the signing keys of signed requests. */
  | 'request-signing'
  /** Seals the private keys of the token signing rings. */
  | 'token-signing'
  /** Links the audit chain. */
  | 'audit'
  /** Seals our own tokens at partners where they leave the process, and the state of getting one in a browser. */
  | 'outbound'
  /** Hides account names in throttle counters. */
  | 'throttle'
  /** Seals what authorization codes and refresh families hold, and the codes of apps' sign-ins. */
  | 'grant'
  /** Marks refresh tokens, so that an old one is told from an invented one. */
  | 'refresh-token'
  /** Seals the state of page forms, and of sign-ins under way at a provider. */
  | 'page-form'
  /** Vouches for certificates of erasure. */
  | 'erasure-certificate';

/** A purpose key as it is stored: sealed under a key-encryption key. */
export interface SealedKey {
  purpose: KeyPurpose;
  /** Counts from 1. */
  version: number;
  /** Names the key-encryption key, tells nothing about it. */
  kekId: string;
  sealed: string;
  createdAtMs: number;
}

/** Proof that a key once existed, kept apart from it, so that a lost or swapped key stops the start. */
export interface KeyCheck {
  purpose: KeyPurpose;
  version: number;
  check: string;
}

export interface KeyStore {
  loadKeys(): Promise<SealedKey[]>;
  loadChecks(): Promise<KeyCheck[]>;
  /**
   * Adds a key and its check in one transaction, with an audit record if one is given, unless that purpose and version
   * exist already.
   * Two processes may try at once: exactly one is told `true`.
   */
  addKey(key: SealedKey, check: KeyCheck, audit?: AuditRecord): Promise<boolean>;
  /** Replaces the seal of existing keys (after the key-encryption key changed), all or none. */
  resealKeys(keys: readonly SealedKey[]): Promise<void>;
}
