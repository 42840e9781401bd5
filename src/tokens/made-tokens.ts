/**
 * Remembers tokens that this process has signed itself: when one comes back, its signature is known to be right. Only
 * digests are kept, in one table of a fixed size, so that a token costs no memory of its own and nothing to collect. A
 * later token takes the place of an earlier one whose digest begins alike; that one is then checked like any other.
 */
export interface MadeTokens {
  /** `digest`: SHA-256 of the whole token, 32 bytes as Latin-1. */
  add(digest: string): void;
  has(digest: string): boolean;
}

const DIGEST_BYTES = 32;

/** `places`: a power of two, at most 65,536; each takes 32 bytes. */
export function createMadeTokens(places: number): MadeTokens {
  const table = Buffer.alloc(places * DIGEST_BYTES);
  const placeOf = (digest: string): number =>
    (((digest.charCodeAt(0) << 8) | digest.charCodeAt(1)) & (places - 1)) * DIGEST_BYTES;
  return {
    add: (digest) => {
      table.write(digest, placeOf(digest), DIGEST_BYTES, 'latin1');
    },
    has: (digest) => {
      const at = placeOf(digest);
      return table.toString('latin1', at, at + DIGEST_BYTES) === digest;
    },
  };
}
