import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  base32,
  checksum62,
  decodeBase64Url,
  decodeUtf8,
  lengthPrefixed,
} from '../../../src/platform/encoding.ts';

describe('base32', () => {
  // RFC 4648 section 10, in lower case and without padding.
  it.each([
    ['', ''],
    ['f', 'my'],
    ['fo', 'mzxq'],
    ['foo', 'mzxw6'],
    ['foob', 'mzxw6yq'],
    ['fooba', 'mzxw6ytb'],
    ['foobar', 'mzxw6ytboi'],
  ])('of %j is %j as in RFC 4648', (text, encoded) => {
    expect(base32(Buffer.from(text))).toBe(encoded);
  });

  it('gives different texts for different bytes of one length', () => {
    const bytes = fc.uint8Array({ minLength: 20, maxLength: 20 });
    fc.assert(
      fc.property(bytes, bytes, (one, two) => {
        fc.pre(Buffer.compare(one, two) !== 0);
        expect(base32(one)).not.toBe(base32(two));
        expect(base32(one)).toHaveLength(32);
      }),
    );
  });
});

describe('base64url', () => {
  it('reads back what was written', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        expect(decodeBase64Url(Buffer.from(bytes).toString('base64url'))).toEqual(Buffer.from(bytes));
      }),
    );
  });

  it('has one spelling: no two texts decode to the same bytes', () => {
    const text = fc.string({ unit: fc.constantFrom(...'ABab01-_+/= \n\t.'.split('')), maxLength: 9 });
    fc.assert(
      fc.property(text, text, (one, two) => {
        fc.pre(one !== two);
        const [a, b] = [decodeBase64Url(one), decodeBase64Url(two)];
        expect(a !== undefined && b !== undefined && a.equals(b)).toBe(false);
      }),
      { numRuns: 2_000 },
    );
  });

  it.each(['AB==', 'QR', 'A', 'AA A', 'AA\n', ' AA', 'A+/A', 'AAB'])('refuses %j', (text) => {
    expect(decodeBase64Url(text)).toBeUndefined();
  });
});

it('length-prefixed fields can be told apart, whatever they hold', () => {
  const fields = fc.array(
    fc.string({ unit: 'binary', maxLength: 6 }).filter((text) => text.isWellFormed()),
    {
      maxLength: 4,
    },
  );
  fc.assert(
    fc.property(fields, fields, (one, two) => {
      fc.pre(JSON.stringify(one) !== JSON.stringify(two));
      expect(lengthPrefixed(one).equals(lengthPrefixed(two))).toBe(false);
    }),
    { numRuns: 1_000 },
  );
  expect(lengthPrefixed(['ab', 'c']).toString('hex')).toBe('0000000261620000000163');
});

it.each([
  // Python: zlib.crc32 written in base 62.
  [`pk_live_${'0'.repeat(27)}`, '1M6gwQ'],
  [`sk_test_${'Az09'.repeat(10)}xyz`, '19JOZx'],
])('the checksum of %s is %s', (text, checksum) => {
  expect(checksum62(text)).toBe(checksum);
});

describe('UTF-8', () => {
  it.each([[[0xff]], [[0xc0, 0x80]], [[0xed, 0xa0, 0x80]], [[0xe2, 0x82]]])('%j is not text', (bytes) => {
    expect(decodeUtf8(Uint8Array.from(bytes))).toBeUndefined();
  });
  it('is read as it is, a byte order mark included', () => {
    expect(decodeUtf8(Buffer.from('\ufeffü'))).toBe('\ufeffü');
  });
});
