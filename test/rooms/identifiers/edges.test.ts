import { createHmac, createSecretKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  type ChannelGroup,
  type CustomerReference,
  deriveIdentifier,
  isTestIdentifier,
  isTestSpace,
  parseReference,
  personIndex,
  randomIdentifier,
  type ReferenceSpace,
  subjectIndex,
} from '../../../src/identifiers/identifier.ts';

const key = createSecretKey(Buffer.alloc(32, 5));
const space = (name: string) => name as ReferenceSpace;
const subject = (group: string, name: string, reference: string) => ({
  group: group as ChannelGroup,
  space: space(name),
  reference: reference as CustomerReference,
});
/** Four bytes of length before each field, as the documents say. */
const fields = (...texts: string[]) =>
  Buffer.concat(
    texts.flatMap((text) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(Buffer.byteLength(text));
      return [length, Buffer.from(text)];
    }),
  );

describe('the index of a person', () => {
  it('is one for all groups, and that of no customer in a group', () => {
    const person = { space: space('crm'), reference: '4711' as CustomerReference };
    const index = personIndex(key, person);
    expect(index).toBe(subjectIndex(key, subject('*', 'crm', '4711')));
    expect(index).not.toBe(subjectIndex(key, subject('north', 'crm', '4711')));
    expect(personIndex(key, { ...person, reference: '4712' as CustomerReference })).not.toBe(index);
  });

  it('is a keyed hash under a label of its own', () => {
    const bytes = Buffer.concat([Buffer.from('symbolon/identifier-index'), fields('north', 'crm', '4711')]);
    const expected = createHmac('sha256', key).update(bytes).digest('base64url');
    expect(subjectIndex(key, subject('north', 'crm', '4711'))).toBe(expected);
  });
});

describe('made-up people', () => {
  it.each(['test', 'test-1', 'test.shop', 'test_x'])('are those of the space %s', (name) => {
    expect(isTestSpace(name)).toBe(true);
    expect(randomIdentifier(1, space(name))).toMatch(/^t1[a-z2-7]{32}$/);
    expect(deriveIdentifier(key, 2, subject('north', name, '1'))).toMatch(/^t2[a-z2-7]{32}$/);
    expect(isTestIdentifier(randomIdentifier(35, space(name)))).toBe(true);
  });

  it.each(['crm', 'contest', 'tests', 'testing-1', 'my-test', 'latest', 'x.test'])(
    'are not those of %s',
    (name) => {
      expect(isTestSpace(name)).toBe(false);
      expect(randomIdentifier(1, space(name))).toMatch(/^c1[a-z2-7]{32}$/);
    },
  );

  const tail = 'a'.repeat(32);
  it.each([
    `c1${tail}`,
    `xt1${tail}`,
    `t1${tail}a`,
    `t1${tail.slice(1)}`,
    `t0${tail}`,
    `t1${'1'.repeat(32)}`,
    `${tail}t`,
    't',
    '',
  ])('do not have the identifier %s', (identifier) => expect(isTestIdentifier(identifier)).toBe(false));
});

describe('a version that cannot be written', () => {
  it.each([0, -1, 36, 1.5])('is refused by name: %s', (version) => {
    expect(() => randomIdentifier(version, space('crm'))).toThrow(
      new RangeError(`identifier key version ${version} cannot be written`),
    );
  });
});

describe('a reference', () => {
  it('is counted in bytes of UTF-8', () => {
    expect(parseReference('ü'.repeat(127))).toBe('ü'.repeat(127));
    expect(parseReference('ü'.repeat(128))).toBeUndefined();
    expect(parseReference('a'.repeat(255))).toBe('a'.repeat(255));
    expect(parseReference('a'.repeat(256))).toBeUndefined();
  });

  it.each([
    -1,
    1.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    2 ** 53,
    true,
    null,
    undefined,
    {},
    ['4711'],
    4711n,
    '',
  ])('is not %s', (value) => expect(parseReference(value)).toBeUndefined());

  it('may be a number from nought on', () => {
    expect(parseReference(0)).toBe('0');
    expect(parseReference(4711)).toBe('4711');
  });
});
