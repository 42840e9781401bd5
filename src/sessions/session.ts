/**
 * Sessions: what the company's sign-in leaves behind so that tokens can be renewed without a second one. This room
 * owns what a session holds and how long it lives; cookies belong to `http`.
 */
import type { ChannelGroup, CustomerIdentifier, ReferenceSpace } from '../identifiers/identifier.ts';

export interface CustomerSession {
  /** Public handle of the session, carried in tokens as `sid`; never the cookie's value. */
  sid: string;
  customerId: CustomerIdentifier;
  group: ChannelGroup;
  space: ReferenceSpace;
  /** The reference, sealed under the session key. */
  sealedReference: string;
  channel: string;
  /** Name of the authenticator that signed the customer in. */
  authenticator: string;
  /** When the company last vouched for the customer, which is the sign-in here; milliseconds. What is revoked goes by it. */
  authTimeMs: number;
  /** When the customer's credentials were last checked, where the company says that this was earlier; milliseconds. */
  checkedAtMs?: number | undefined;
}

/** The `auth_time` of OpenID Connect (Core 1.0 section 2): when the customer really proved who they are. */
export function credentialsCheckedAtMs({ authTimeMs, checkedAtMs }: CustomerSession): number {
  return checkedAtMs ?? authTimeMs;
}

export interface SessionLifetimes {
  /** A session unused for this long is over. Default 1,800. */
  idleSeconds: number;
  /** A session is over this long after sign-in, used or not. Default 28,800. */
  absoluteSeconds: number;
}

/** Moment from which the session is over whatever happens. */
export function absoluteExpiryMs(session: CustomerSession, lifetimes: SessionLifetimes): number {
  return session.authTimeMs + lifetimes.absoluteSeconds * 1000;
}

/**
 * Keeps serialised sessions under a digest of their id: a dump of it holds no id that a cookie could carry.
 */
export interface SessionRecordStore {
  /** `undefined` when there is none or it expired before `nowMs`. */
  read(idDigest: string, nowMs: number): Promise<string | undefined>;
  write(idDigest: string, data: string, expiresAtMs: number): Promise<void>;
  /** Moves the expiry of an existing session. */
  touch(idDigest: string, expiresAtMs: number): Promise<void>;
  destroy(idDigest: string): Promise<void>;
  /** Deletes what expired before `nowMs`, and what was to expire after `latestMs` (`Infinity`: nothing); returns how many. */
  prune(nowMs: number, latestMs: number): Promise<number>;
}
