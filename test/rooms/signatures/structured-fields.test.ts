import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type BareItem,
  type InnerList,
  type Member,
  parseDictionary,
  serializeInnerList,
} from '../../../src/signatures/structured-fields.ts';

describe('structured fields', () => {
  it('read a dictionary as RFC 9651 writes it', () => {
    const members = parseDictionary('a=1, b;x;y="q\\"\\\\" ,c=(1 "two" three :AQI=:);z=?0,d=?1');
    expect(members?.get('a')).toEqual({ value: 1, parameters: new Map() });
    expect(members?.get('b')).toEqual({
      value: true,
      parameters: new Map<string, BareItem>([
        ['x', true],
        ['y', 'q"\\'],
      ]),
    });
    const list = members?.get('c') as InnerList;
    expect(list.items.map(({ value }) => value)).toEqual([1, 'two', { token: 'three' }, Buffer.from([1, 2])]);
    expect(list.parameters).toEqual(new Map([['z', false]]));
    expect(serializeInnerList(list)).toBe('(1 "two" three :AQI=:);z=?0');
  });

  it.each([
    'a=1,',
    ',a=1',
    'a=1 b=2',
    'a=1,,b=2',
    'a=1, a=2',
    'A=1',
    'a=',
    'a="open',
    'a="ctl\u0001"',
    'a="é"',
    'a="bad \\x escape"',
    'a=:AQ:',
    'a=:AQI:',
    'a=:AQJ=:',
    'a=(1 2',
    'a=(1,2)',
    'a=1;x=1;x=2',
    'a=1.5',
    'a=1234567890123456',
    'a=?2',
    'a=\t1',
    'a=1; =2',
    'a=("one""two")',
    'a=(1"two")',
    'a=(1;x(2))',
  ])('refuse %s', (text) => {
    expect(parseDictionary(text)).toBeUndefined();
  });

  it('are read with the spaces that the RFC allows', () => {
    const members = parseDictionary('  a=1;  x=2 ,\t b=(  1   2 )  ');
    expect(members).toEqual(
      new Map<string, Member>([
        ['a', { value: 1, parameters: new Map([['x', 2]]) }],
        [
          'b',
          {
            items: [1, 2].map((value) => ({ value, parameters: new Map() })),
            parameters: new Map(),
          },
        ],
      ]),
    );
  });

  it('are written in the one spelling: what is true goes without saying so', () => {
    const members = parseDictionary('a=("x";y=?1;z=?0 );v=?1');
    expect(serializeInnerList(members?.get('a') as InnerList)).toBe('("x";y;z=?0);v');
  });

  it('write what they read, for any strings and numbers', () => {
    const item = fc.oneof(
      fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)) }),
      fc.integer({ min: -999_999_999_999_999, max: 999_999_999_999_999 }),
      fc.boolean(),
      fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    );
    fc.assert(
      fc.property(
        fc.array(item),
        fc.dictionary(fc.stringMatching(/^[a-z*][a-z0-9_.*-]{0,8}$/), item),
        (items, named) => {
          const list: InnerList = {
            items: items.map((value) => ({ value, parameters: new Map() })),
            parameters: new Map(Object.entries(named)),
          };
          const text = `sig=${serializeInnerList(list)}`;
          expect(parseDictionary(text)?.get('sig')).toEqual(list);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('never throw, whatever they are given', () => {
    const parsed = (): void =>
      fc.assert(
        fc.property(
          fc.string({ unit: fc.constantFrom(...'abA1"\\:;=()?,. \t\u00e9-*'.split('')) }),
          (text) => {
            const members = parseDictionary(text);
            return members === undefined || members instanceof Map;
          },
        ),
        { numRuns: 500 },
      );
    expect(parsed).not.toThrow();
  });
});
