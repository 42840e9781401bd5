import { describe, expect, it } from 'vitest';
import { createVerifiedTokenCache } from '../../../src/tokens/verified-token-cache.ts';

interface Entry {
  n: number;
}

/** How many of the first `count` entries are still known, without keeping any of them alive. */
const knownOf = (fill: (n: number) => void, known: (n: number) => boolean, count: number) => {
  for (let n = 0; n < count; n++) fill(n);
  return Array.from({ length: count }, (_, n) => n).filter(known).length;
};

describe('the memory of verified tokens', () => {
  it('gives back what was put under the digest of the whole token', () => {
    const cache = createVerifiedTokenCache<Entry>(10);
    const digest = cache.digest('a.b.c');
    expect(cache.digest('a.b.c ')).not.toBe(digest);
    expect(cache.get(digest, 1)).toBeUndefined();
    cache.put(digest, { n: 1 }, 1);
    expect(cache.get(digest, 1)).toEqual({ n: 1 });
  });

  it('is bounded: of many tokens at most two generations are held', () => {
    const cache = createVerifiedTokenCache<Entry>(100);
    const held = knownOf(
      (n) => cache.put(`t${n}`, { n }, 1),
      (n) => cache.get(`t${n}`, 1) !== undefined,
      10_000,
    );
    expect(held).toBeGreaterThanOrEqual(100);
    expect(held).toBeLessThanOrEqual(200);
  });

  it('keeps a token that is in use however many others come', () => {
    const cache = createVerifiedTokenCache<Entry>(100);
    cache.put('used', { n: 0 }, 1);
    const seen = new Set<unknown>();
    for (let n = 0; n < 5_000; n++) {
      cache.put(`t${n}`, { n }, 1);
      if (n % 50 === 0) seen.add(cache.get('used', 1));
    }
    expect([...seen]).toEqual([{ n: 0 }]);
  });

  it('is emptied by a new epoch, of refusals too', () => {
    const cache = createVerifiedTokenCache<Entry>(10);
    cache.put('good', { n: 1 }, 1);
    cache.refuse('bad', 1);
    expect([cache.get('good', 1), cache.get('bad', 1)]).toEqual([{ n: 1 }, 'refused']);
    expect([cache.get('good', 2), cache.get('bad', 2)]).toEqual([undefined, undefined]);
    expect(cache.get('good', 1)).toBeUndefined();
  });

  it('keeps refusals apart, so that a flood of forgeries pushes out no good token, and bounds them too', () => {
    const cache = createVerifiedTokenCache<Entry>(100);
    for (let n = 0; n < 100; n++) cache.put(`good${n}`, { n }, 1);
    const refused = knownOf(
      (n) => cache.refuse(`bad${n}`, 1),
      (n) => cache.get(`bad${n}`, 1) === 'refused',
      10_000,
    );
    expect(refused).toBeLessThanOrEqual(200);
    for (let n = 0; n < 100; n++) expect(cache.get(`good${n}`, 1)).toEqual({ n });
  });
});
