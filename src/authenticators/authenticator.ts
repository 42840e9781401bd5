/**
 * Authenticators: ways to learn who the customer is. Each answers from a closed list of outcomes; "wrong", "not
 * mine" and "could not tell" are three different answers. They never issue anything.
 */
import type { Audit } from '../audit/audit.ts';
import type { Connection } from '../connections/connection.ts';
import type { CustomerReference, ReferenceSpace } from '../identifiers/identifier.ts';
import type { FailureReason, ReportFailure } from '../outbound/failure-reason.ts';
import type { Logger } from '../platform/logger.ts';
import type { DirectoryStore } from './directory-types.ts';
import type { PasswordHasher } from './password-hasher.ts';

/** What the caller brought to prove who the customer is. */
export type Proof = { kind: 'password'; username: string; password: string };

export type AuthenticationOutcome =
  | { outcome: 'authenticated'; space: ReferenceSpace; reference: CustomerReference }
  | { outcome: 'refused'; reason: 'credentials' | 'locked' | 'password_change_required' }
  | { outcome: 'not_mine' }
  /** Could not tell: the directory is down, slow, busy or made no sense. Never reported as wrong credentials. */
  | { outcome: 'unavailable'; busy: boolean; retryAfterSeconds: number; reason?: FailureReason };

export interface AuthenticationContext {
  requestId: string;
  channel: string;
}

/** What a probe found; a `warning` works as far as can be told. */
export interface ProbeResult {
  ok: boolean;
  warning?: boolean;
  message: string;
}

export interface Authenticator {
  readonly name: string;
  readonly type: string;
  authenticate(proof: Proof, context: AuthenticationContext): Promise<AuthenticationOutcome>;
  /** Tries the connection without anybody's credentials; says in a sentence what is wrong. For `symbolon doctor`. */
  probe(): Promise<ProbeResult>;
  /** Lets go of what it opened itself; connections and the hasher are closed by whoever made them. */
  close(): Promise<void>;
}

/** What the composition root has for authenticators; each takes what it needs. */
export interface AuthenticatorDeps {
  connections: ReadonlyMap<string, Connection>;
  directory: DirectoryStore;
  hasher: PasswordHasher;
  audit: Audit;
  logger: Logger;
  reportFailure: ReportFailure;
}
