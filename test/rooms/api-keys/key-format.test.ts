import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { generateKeyPair, isPublicId, isSecret, publicPrefix } from '../../../src/api-keys/key-format.ts';

const environments = fc.constantFrom('live' as const, 'test' as const);
const kinds = [
  {
    name: 'public id',
    pick: (pair: ReturnType<typeof generateKeyPair>) => pair.publicId,
    holds: isPublicId,
    length: 41,
  },
  {
    name: 'secret',
    pick: (pair: ReturnType<typeof generateKeyPair>) => pair.secret,
    holds: isSecret,
    length: 57,
  },
];

describe.each(kinds)('a $name', ({ pick, holds, length }) => {
  it('names its environment, has one length and is recognised', () => {
    fc.assert(
      fc.property(environments, (environment) => {
        const text = pick(generateKeyPair(environment));
        expect(text).toMatch(new RegExp(`^[ps]k_${environment}_[0-9A-Za-z]+$`));
        expect(text).toHaveLength(length);
        expect(holds(text)).toBe(true);
      }),
    );
  });

  it('with any one character changed is recognised as mistyped', () => {
    const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-';
    const text = pick(generateKeyPair('live'));
    for (let at = 0; at < text.length; at++) {
      for (const character of alphabet) {
        if (character === text[at]) continue;
        expect(holds(text.slice(0, at) + character + text.slice(at + 1)), `${character} at ${at}`).toBe(
          false,
        );
      }
    }
  });

  it('with any two characters in the wrong order is recognised as mistyped', () => {
    fc.assert(
      fc.property(environments, fc.nat(), fc.nat(), (environment, one, two) => {
        const text = pick(generateKeyPair(environment));
        const [a, b] = [one % text.length, two % text.length];
        fc.pre(text[a] !== text[b]);
        const swapped = text.split('');
        [swapped[a], swapped[b]] = [swapped[b] as string, swapped[a] as string];
        expect(holds(swapped.join(''))).toBe(false);
      }),
      { numRuns: 2_000 },
    );
  });

  it('that was cut, lengthened or dressed up is none', () => {
    const text = pick(generateKeyPair('test'));
    const cut = [text.slice(1), text.slice(0, -1), ''];
    const wrong = [...cut, `${text}0`, ` ${text}`, `${text}\n`, text.toUpperCase(), `"${text}"`];
    expect(wrong.filter(holds)).toEqual([]);
  });
});

describe('a pair', () => {
  it('never repeats and shares nothing between its halves', () => {
    const pairs = Array.from({ length: 1_000 }, () => generateKeyPair('live'));
    expect(new Set(pairs.flatMap(({ publicId, secret }) => [publicId, secret])).size).toBe(2_000);
    for (const { publicId, secret } of pairs) {
      expect(isSecret(publicId) || isPublicId(secret)).toBe(false);
      expect(secret).not.toContain(publicId.slice(8, 16));
    }
  });

  it('is recognised by a prefix of the public id that cannot be used', () => {
    const { publicId } = generateKeyPair('live');
    const prefix = publicPrefix(publicId);
    expect(publicId.startsWith(prefix)).toBe(true);
    expect(prefix.length).toBeLessThan(publicId.length / 2);
    expect(isPublicId(prefix)).toBe(false);
  });
});
