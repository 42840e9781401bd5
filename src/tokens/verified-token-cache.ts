import { hash } from 'node:crypto';

/**
 * Remembers tokens whose signature was checked, under the SHA-256 of the whole token, so that a token in use costs a
 * map look-up. Two generations of bounded maps stand for "least recently used" without moving anything on a hit. What
 * a hit means is still the caller's to judge: expiry and revocation are checked at every use. Refused signatures are
 * remembered apart, so that a forger cannot push out good entries.
 */
export interface VerifiedTokenCache<Entry> {
  digest(token: string): string;
  get(digest: string, epoch: number): Entry | 'refused' | undefined;
  put(digest: string, entry: Entry, epoch: number): void;
  /** Notes a wrong signature, and nothing else: other refusals may be right another time. */
  refuse(digest: string, epoch: number): void;
}

interface Generations<V> {
  young: Map<string, V>;
  old: Map<string, V>;
}

function find<V>(generations: Generations<V>, key: string, capacity: number): V | undefined {
  const hit = generations.young.get(key);
  if (hit !== undefined) return hit;
  const aged = generations.old.get(key);
  if (aged !== undefined) store(generations, key, aged, capacity);
  return aged;
}

function store<V>(generations: Generations<V>, key: string, value: V, capacity: number): void {
  if (generations.young.size >= capacity) {
    generations.old = generations.young;
    generations.young = new Map();
  }
  generations.young.set(key, value);
}

/** `capacity`: entries per generation; at most twice as many are held. `epoch`s that differ empty the cache. */
export function createVerifiedTokenCache<Entry extends object>(capacity: number): VerifiedTokenCache<Entry> {
  const good: Generations<Entry> = { young: new Map(), old: new Map() };
  const bad: Generations<true> = { young: new Map(), old: new Map() };
  let seenEpoch = -1;

  const enter = (epoch: number) => {
    if (epoch === seenEpoch) return;
    seenEpoch = epoch;
    for (const generations of [good, bad]) {
      generations.young.clear();
      generations.old.clear();
    }
  };
  return {
    digest: (token) => hash('sha256', token, 'base64url'),
    get: (digest, epoch) => {
      enter(epoch);
      const entry = find(good, digest, capacity);
      if (entry !== undefined) return entry;
      return find(bad, digest, capacity) ? 'refused' : undefined;
    },
    put: (digest, entry, epoch) => {
      enter(epoch);
      store(good, digest, entry, capacity);
    },
    refuse: (digest, epoch) => {
      enter(epoch);
      store(bad, digest, true, capacity);
    },
  };
}
