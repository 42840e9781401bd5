/**
 * A bounded map that forgets what was not asked for lately: two generations stand for "least recently used" without
 * moving anything on a hit.
 */
export interface RecentMap<V> {
  get(key: string): V | undefined;
  set(key: string, value: V): void;
  clear(): void;
}

/** `capacity`: entries per generation; at most twice as many are held, and always the `capacity` that were set or asked for last. */
export function createRecentMap<V extends object | true>(capacity: number): RecentMap<V> {
  let young = new Map<string, V>();
  let old = new Map<string, V>();
  const set = (key: string, value: V): void => {
    if (young.size >= capacity) {
      old = young;
      young = new Map();
    }
    young.set(key, value);
  };
  return {
    get: (key) => {
      const hit = young.get(key);
      if (hit !== undefined) return hit;
      const aged = old.get(key);
      if (aged !== undefined) set(key, aged);
      return aged;
    },
    set,
    clear: () => {
      young.clear();
      old.clear();
    },
  };
}
