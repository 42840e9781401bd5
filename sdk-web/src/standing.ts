/** `unknown` until the bridge has been asked; never "anonymous by accident". */
export type SymbolonState = 'unknown' | 'signed_out' | 'signed_in';

/** Who is signed in, as listeners are told. */
export interface SymbolonSnapshot {
  state: SymbolonState;
  /** The opaque customer identifier while signed in. */
  customerId: string | undefined;
}

/**
 * Holds who is signed in and tells listeners. The epoch is raised by each sign-in and sign-out, so that an answer to an
 * older question is never taken for the newer customer's.
 */
export function createStanding(onLeave: () => void) {
  const listeners = new Set<(snapshot: SymbolonSnapshot) => void>();
  let state: SymbolonState = 'unknown';
  let customerId: string | undefined;
  let epoch = 0;

  function become(nextState: SymbolonState, nextId?: string): void {
    if (nextState === state && nextId === customerId) return;
    if (nextId !== customerId) onLeave();
    state = nextState;
    customerId = nextId;
    for (const listener of Array.from(listeners)) {
      try {
        listener({ state, customerId });
      } catch (error) {
        // A listener's own failure shows up as an unhandled rejection and keeps no other listener from hearing.
        void Promise.reject(error);
      }
    }
  }

  return {
    become,
    turn(nextState: SymbolonState, nextId?: string) {
      epoch++;
      become(nextState, nextId);
    },
    state: () => state,
    customerId: () => customerId,
    epoch: () => epoch,
    subscribe(listener: (snapshot: SymbolonSnapshot) => void) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
