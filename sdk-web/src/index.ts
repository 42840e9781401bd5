/** The public face of the package: everything a page may rely on. */
export type { BridgeCall, FetchLike, FetchOptions, FetchResponse, SessionCarrier } from './bridge-call.ts';
export type { Proof } from './held-proofs.ts';
export type { SignedOutReason, StandingListener, SymbolonSnapshot, SymbolonState } from './standing.ts';
export type { BroadcastLike, LocksLike, StorageLike, Surroundings } from './surroundings.ts';
export { createSymbolon, type ProofOptions, Symbolon, type SymbolonOptions } from './symbolon.ts';
export { SymbolonError, type SymbolonErrorCode, type SymbolonErrorDetails } from './symbolon-error.ts';
