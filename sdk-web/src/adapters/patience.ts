import type { Proof } from '../held-proofs.ts';
import type { ProofOptions, Symbolon } from '../symbolon.ts';
import type { SymbolonError } from '../symbolon-error.ts';

declare const setTimeout: (work: () => void, ms: number) => unknown;

/**
 * A proof for a vendor that waits `seconds` for it: while the bridge is not available it is asked again, as often as it
 * allows. Rejects like `getProof` when the time is over, and at once when nobody is signed in any more.
 */
export async function proofWithin(
  symbolon: Symbolon,
  seconds: number,
  options?: ProofOptions,
): Promise<Proof> {
  const untilMs = Date.now() + seconds * 1000;
  for (;;) {
    try {
      return await symbolon.getProof(options);
    } catch (error) {
      const { retryAfterMs } = error as SymbolonError;
      if (retryAfterMs === undefined || Date.now() + retryAfterMs > untilMs) throw error;
      await new Promise<void>((done) => void setTimeout(done, retryAfterMs));
    }
  }
}

/**
 * The function that a vendor calls whenever it needs a proof. A vendor that asks again is not served what it already
 * had: it would not have asked if that were still good.
 */
export function proofOnDemand(symbolon: Symbolon, seconds: number): () => Promise<Proof> {
  let given: string | undefined;
  return async () => {
    let proof = await proofWithin(symbolon, seconds);
    if (proof.token === given) proof = await proofWithin(symbolon, seconds, { fresh: true });
    given = proof.token;
    return proof;
  };
}
