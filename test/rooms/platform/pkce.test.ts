import { describe, expect, it } from 'vitest';
import { challengeOf, isVerifierOf, newVerifier, S256_CHALLENGE } from '../../../src/platform/pkce.ts';

/** RFC 7636 appendix B. */
const VERIFIER = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
const CHALLENGE = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';

describe('a proof key', () => {
  it('has the challenge of the standard', () => {
    expect(challengeOf(VERIFIER)).toBe(CHALLENGE);
    expect(CHALLENGE).toMatch(S256_CHALLENGE);
    expect(isVerifierOf(VERIFIER, CHALLENGE)).toBe(true);
  });

  it('is proven by no other text, above all not by its challenge', () => {
    for (const text of [CHALLENGE, `${VERIFIER}A`, VERIFIER.toLowerCase(), newVerifier(), '']) {
      expect(isVerifierOf(text, CHALLENGE)).toBe(false);
    }
  });

  it.each([
    ['too short', 'a'.repeat(42), false],
    ['the shortest', 'a'.repeat(43), true],
    ['the longest', 'a'.repeat(128), true],
    ['too long', 'a'.repeat(129), false],
    ['with every mark that may stand there', `-._~${'a'.repeat(43)}`, true],
    ['with a mark that may not', `${'a'.repeat(43)}+`, false],
    ['with a line feed behind it', `${'a'.repeat(43)}\n`, false],
  ])('%s is taken or refused whatever its challenge', (_what, verifier, isTaken) => {
    expect(isVerifierOf(verifier, challengeOf(verifier))).toBe(isTaken);
  });

  it('is made anew every time, long enough for nobody to guess', () => {
    const made = Array.from({ length: 100 }, newVerifier);
    expect(new Set(made).size).toBe(100);
    for (const verifier of made) expect(isVerifierOf(verifier, challengeOf(verifier))).toBe(true);
  });
});
