/** How many times what is free one holder may have. */
const TIMES_FREE = 3;

/** A number of places that callers take and give back. */
export interface SharedPlaces {
  /** Takes a place, or says that this holder may have none now. `undefined`: nobody in particular, held to no share. */
  take(holder: string | undefined): boolean;
  /** Gives back what `take` gave. */
  leave(holder: string | undefined): void;
}

/**
 * Places for several holders, of whom nobody knows how many will come: each may hold three times as many as are free.
 * Alone one gets three quarters of them. With others it gets less: who has more than that takes none until it has given
 * some back, so that a few are always free for the next to come (dynamic thresholds: Choudhury and Hahne, 1998).
 */
export function createSharedPlaces(max: number): SharedPlaces {
  const held = new Map<string, number>();
  let total = 0;
  return {
    take: (holder) => {
      const free = max - total;
      if (free <= 0) return false;
      if (holder !== undefined) {
        const own = held.get(holder) ?? 0;
        if (own >= TIMES_FREE * free) return false;
        held.set(holder, own + 1);
      }
      total += 1;
      return true;
    },
    leave: (holder) => {
      total -= 1;
      if (holder === undefined) return;
      const own = held.get(holder) ?? 0;
      if (own > 1) held.set(holder, own - 1);
      else held.delete(holder);
    },
  };
}
