import { useSyncExternalStore } from 'react';
import type { SymbolonSnapshot } from './standing.ts';
import type { Symbolon } from './symbolon.ts';

/** Who is signed in; the component is drawn again when that changes. Make `symbolon` outside of components. */
export function useCustomer(symbolon: Symbolon): SymbolonSnapshot {
  return useSyncExternalStore(symbolon.subscribe, symbolon.snapshot, symbolon.snapshot);
}
