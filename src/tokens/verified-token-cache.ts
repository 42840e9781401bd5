import { hash } from 'node:crypto';
import { createRecentMap } from '../platform/recent-map.ts';

/**
 * Remembers tokens whose signature was checked, or is this process's own, under the SHA-256 of the whole token, so that a token in use costs a
 * map look-up. What a hit means is still the caller's to judge: expiry and revocation are checked at every use. Refused
 * signatures are remembered apart, so that a forger cannot push out good entries.
 */
export interface VerifiedTokenCache<Entry> {
  /** SHA-256, 32 bytes as Latin-1. */
  digest(token: string): string;
  get(digest: string, epoch: number): Entry | 'refused' | undefined;
  put(digest: string, entry: Entry, epoch: number): void;
  /** Notes a wrong signature, and nothing else: other refusals may be right another time. */
  refuse(digest: string, epoch: number): void;
}

/** `capacity` as in `createRecentMap`, of good tokens and of refused ones. `epoch`s that differ empty the cache. */
export function createVerifiedTokenCache<Entry extends object>(capacity: number): VerifiedTokenCache<Entry> {
  const good = createRecentMap<Entry>(capacity);
  const bad = createRecentMap<true>(capacity);
  let seenEpoch = -1;

  const enter = (epoch: number) => {
    if (epoch === seenEpoch) return;
    seenEpoch = epoch;
    good.clear();
    bad.clear();
  };
  return {
    digest: (token) => hash('sha256', token, 'binary'),
    get: (digest, epoch) => {
      enter(epoch);
      const entry = good.get(digest);
      if (entry !== undefined) return entry;
      return bad.get(digest) ? 'refused' : undefined;
    },
    put: (digest, entry, epoch) => {
      enter(epoch);
      good.set(digest, entry);
    },
    refuse: (digest, epoch) => {
      enter(epoch);
      bad.set(digest, true);
    },
  };
}
