import { createSecretKey } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ChannelGroup,
  type CustomerIdentifier,
  type CustomerReference,
  deriveIdentifier,
  type IdentifierSubject,
  identifierKeyVersion,
  isName,
  isTestIdentifier,
  isTestSpace,
  MAX_IDENTIFIER_KEY_VERSION,
  parseIdentifier,
  parseReference,
  randomIdentifier,
  type ReferenceSpace,
  subjectIndex,
} from '../../../src/identifiers/identifier.ts';

const key = createSecretKey(Buffer.from(Array.from({ length: 32 }, (_, n) => n)));
const otherKey = createSecretKey(Buffer.alloc(32, 9));

function subject(group: string, space: string, reference: string): IdentifierSubject {
  return {
    group: group as ChannelGroup,
    space: space as ReferenceSpace,
    reference: reference as CustomerReference,
  };
}

const texts = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
  .filter((text) => text.isWellFormed());
const subjects = fc.tuple(texts, texts, texts).map((fields) => subject(...fields));
const sameFields = (a: IdentifierSubject, b: IdentifierSubject) =>
  a.group === b.group && a.space === b.space && a.reference === b.reference;

describe('the derived identifier', () => {
  // Computed with Python's hmac over "symbolon/identifier" and the three fields, each after its length in four bytes.
  it.each([
    ['default', 'crm', '4711', 'c1lpcdu3obrwgtjp3esjma6v5577d3yzl4'],
    ['chat-vendor', 'crm', 'kundin-ü-☕', 'c1pbcak2qoeov4ilyh3krrps4o6r5ofw7u'],
    ['a', 'b', 'c', 'c1ig72aqzz2z2wr6ianxqbgfvo4ttjhrzn'],
  ])('of %s, %s, %s is the one that an independent computation gives', (group, space, reference, known) => {
    expect(deriveIdentifier(key, 1, subject(group, space, reference))).toBe(known);
  });

  it('is the same for the same customer, 34 characters long, whatever the reference', () => {
    fc.assert(
      fc.property(subjects, fc.integer({ min: 1, max: MAX_IDENTIFIER_KEY_VERSION }), (one, version) => {
        const identifier = deriveIdentifier(key, version, one);
        expect(deriveIdentifier(key, version, { ...one })).toBe(identifier);
        expect(identifier).toMatch(/^c[1-9a-z][a-z2-7]{32}$/);
        expect(parseIdentifier(identifier)).toBe(identifier);
        expect(identifierKeyVersion(identifier)).toBe(version);
      }),
    );
  });

  it('begins with t for a test customer, however it came about, and for nobody else', () => {
    fc.assert(
      fc.property(texts, texts, fc.constantFrom('', '-', '.', '_'), (tail, reference, sign) => {
        for (const space of [`test${sign === '' ? '' : sign + tail}`, `c${tail}`]) {
          const isTest = space.startsWith('test');
          expect(isTestSpace(space)).toBe(isTest);
          const made = [
            deriveIdentifier(key, 1, subject('chat', space, reference)),
            randomIdentifier(1, space as ReferenceSpace),
          ];
          for (const identifier of made) {
            expect(identifier).toMatch(/^[ct]1[a-z2-7]{32}$/);
            expect(isTestIdentifier(identifier)).toBe(isTest);
          }
        }
      }),
    );
    for (const space of ['tests', 'testing', 'Test', 'a-test', ' test'])
      expect(isTestSpace(space)).toBe(false);
  });

  it('differs for another group, space, reference or key', () => {
    fc.assert(
      fc.property(subjects, subjects, (one, two) => {
        fc.pre(!sameFields(one, two));
        expect(deriveIdentifier(key, 1, one)).not.toBe(deriveIdentifier(key, 1, two));
        for (const field of ['group', 'space', 'reference'] as const) {
          const changed = { ...one, [field]: `${one[field]}x` };
          expect(deriveIdentifier(key, 1, changed)).not.toBe(deriveIdentifier(key, 1, one));
        }
        expect(deriveIdentifier(otherKey, 1, one)).not.toBe(deriveIdentifier(key, 1, one));
      }),
    );
  });

  it('does not depend on where one field ends and the next begins', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 3, maxLength: 12 }), fc.nat(), fc.nat(), (text, a, b) => {
        const splits = [1 + (a % (text.length - 2)), 1 + (b % (text.length - 2))].map((at) =>
          subject(text.slice(0, at), text.slice(at, at + 1), text.slice(at + 1)),
        ) as [IdentifierSubject, IdentifierSubject];
        fc.pre(!sameFields(...splits));
        expect(deriveIdentifier(key, 1, splits[0])).not.toBe(deriveIdentifier(key, 1, splits[1]));
        expect(subjectIndex(key, splits[0])).not.toBe(subjectIndex(key, splits[1]));
      }),
    );
  });

  it('cannot be written for a key version that there is no character for', () => {
    expect(() => deriveIdentifier(key, MAX_IDENTIFIER_KEY_VERSION + 1, subject('a', 'b', 'c'))).toThrow(
      RangeError,
    );
    expect(() => deriveIdentifier(key, 0, subject('a', 'b', 'c'))).toThrow(RangeError);
  });
});

describe('the blind index', () => {
  it('is the one that an independent computation gives, and is not the identifier under the same key', () => {
    const one = subject('default', 'crm', '4711');
    expect(subjectIndex(key, one)).toBe('v3YF3TttTvMMbY8bD6OPs457BTyvqMIfHgMRMOeFgKU');
    expect(subjectIndex(otherKey, one)).not.toBe(subjectIndex(key, one));
  });
});

describe('the spelling of an identifier', () => {
  const known = 'c1lpcdu3obrwgtjp3esjma6v5577d3yzl4';

  it.each([
    '',
    `${known} `,
    `${known}\n`,
    ` ${known}`,
    'c1lpcdu',
    `-${known}`,
    'a'.repeat(65),
    known.replace('l', '.'),
    known.replace('l', '%'),
    known.replace('l', 'ⅼ'),
  ])('%j is no identifier', (text) => {
    expect(parseIdentifier(text)).toBeUndefined();
  });

  it.each([
    '3F2504E0-4F89-41D3-9A0C-0305E82C3301',
    '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  ])('may be that of another system: %s', (text) => {
    expect(parseIdentifier(text)).toBe(text);
  });

  it('has no second form: any single changed character gives another identifier or none', () => {
    fc.assert(
      fc.property(
        fc.nat(known.length - 1),
        fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 1 }),
        (at, c) => {
          fc.pre(known[at] !== c);
          const changed = known.slice(0, at) + c + known.slice(at + 1);
          expect(parseIdentifier(changed) ?? 'none').not.toBe(known);
        },
      ),
    );
  });
});

describe('a reference', () => {
  it.each<[unknown, string]>([
    ['4711', '4711'],
    [4711, '4711'],
    [0, '0'],
    [Number.MAX_SAFE_INTEGER, '9007199254740991'],
    [' ', ' '],
    ['0', '0'],
    ['ü☕👩‍👧', 'ü☕👩‍👧'],
    ['a'.repeat(255), 'a'.repeat(255)],
    ['ü'.repeat(127), 'ü'.repeat(127)],
  ])('%j is taken as it is', (value, reference) => {
    expect(parseReference(value)).toBe(reference);
  });

  it.each<[unknown]>([
    [''],
    ['a'.repeat(256)],
    ['ü'.repeat(128)],
    ['a\0b'],
    ['a\nb'],
    ['\u007f'],
    ['\u0085'],
    ['\ud800'],
    ['a\udc00b'],
    [-1],
    [1.5],
    [Number.NaN],
    [Number.POSITIVE_INFINITY],
    [2 ** 53],
    [true],
    [null],
    [undefined],
    [{}],
    [['4711']],
    [4711n],
  ])('%s is refused, never cut or converted', (value) => {
    expect(parseReference(value)).toBeUndefined();
  });

  it('is never changed: what is taken is what was given', () => {
    const codePoint = fc.integer({ min: 0, max: 0x10_ff_ff }).map((code) => String.fromCodePoint(code));
    fc.assert(
      fc.property(fc.string({ unit: codePoint, maxLength: 300 }), (text) => {
        const parsed = parseReference(text);
        expect(parsed === undefined || (parsed as string) === text).toBe(true);
        expect(Buffer.byteLength(parsed ?? '')).toBeLessThanOrEqual(255);
      }),
    );
  });
});

describe('a name', () => {
  it.each(['a', '0', 'web', 'chat-vendor', 'a.b_c-d', 'a'.repeat(64)])('%s may be used', (text) => {
    expect(isName(text)).toBe(true);
  });
  it.each(['', '-a', '.a', 'A', 'a b', 'ä', 'a'.repeat(65), 'a\n', 'a/b'])('%j may not be used', (text) => {
    expect(isName(text)).toBe(false);
  });
});

it('identifiers made under the version character tell the version apart', () => {
  const versions = Array.from({ length: MAX_IDENTIFIER_KEY_VERSION }, (_, n) => n + 1);
  const made = versions.map((version) => deriveIdentifier(key, version, subject('a', 'b', 'c')));
  expect(new Set(made.map((one: CustomerIdentifier) => one[1])).size).toBe(versions.length);
});
