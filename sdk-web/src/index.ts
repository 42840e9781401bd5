/** The public face of the package: everything a page may rely on. */
export type { FetchLike, FetchOptions, FetchResponse } from './bridge-call.ts';
export type { SymbolonSnapshot, SymbolonState } from './standing.ts';
export { createSymbolon, type Symbolon, type SymbolonOptions } from './symbolon.ts';
export { SymbolonError, type SymbolonErrorCode, type SymbolonErrorDetails } from './symbolon-error.ts';
