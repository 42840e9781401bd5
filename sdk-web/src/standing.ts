/** `unknown` until the bridge has been asked; never "anonymous by accident". */
export type SymbolonState = 'unknown' | 'signed_out' | 'signed_in';

/**
 * Why nobody is signed in any more:
 * - `logout`: `logout()` was called, here or in another page of this browser.
 * - `ended`: the bridge knows the session no more: it expired, or was ended elsewhere.
 */
export type SignedOutReason = 'logout' | 'ended';

/** Who is signed in, as listeners are told. The object stays the same until something changes. */
export interface SymbolonSnapshot {
  state: SymbolonState;
  /** The opaque customer identifier while signed in. */
  customerId: string | undefined;
}

/**
 * Hears of each change. `reason` is set when nobody is signed in any more. What it returns is waited for, at most
 * five seconds, before `logout` ends the session.
 */
export type StandingListener = (snapshot: SymbolonSnapshot, reason?: SignedOutReason) => unknown;
