import {
  array,
  assert,
  constantFrom,
  integer,
  jsonValue,
  property,
  record,
  string,
  uniqueArray,
} from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createMapping } from '../../../src/backends/answer-mapping.ts';
import { fieldPathSetting } from '../../../src/backends/field-path.ts';
import {
  fieldSetting,
  type FieldSetting,
  outlineOf,
  takesMask,
} from '../../../src/backends/field-settings.ts';
import type { JsonObject } from '../../../src/outbound/json-answer.ts';
import { loadText, problemsOf } from '../config/settings.ts';

/** The one field `x` of an answer, and how many values did not fit. */
function read(setting: FieldSetting, answer: JsonObject): [found: unknown, unfit: number] {
  let unfit = 0;
  const map = createMapping({ x: fieldSetting.parse(setting) }, () => {
    unfit += 1;
  });
  const fields = map(answer, new Set(['x'])) ?? { x: 'too deep' };
  return [Object.hasOwn(fields, 'x') ? fields['x'] : undefined, unfit];
}

const customer = {
  name: { first: 'Mira', middle: '', last: 'Lund' },
  born: '1984-02-29',
  accounts: [
    { iban: 'DE89370400440532013000', tags: ['a', 'b'] },
    { iban: 'FR7630006000011234567890189', tags: [] },
    { note: 'closed' },
  ],
  'odd.name [x]': { y: 1 },
  tier: 'G',
  nothing: null,
  big: 2 ** 60,
};

describe('a path', () => {
  it.each<[FieldSetting, unknown]>([
    ['tier', 'G'],
    ['name.first', 'Mira'],
    ['accounts[1].iban', 'FR7630006000011234567890189'],
    ['accounts[*].iban', ['DE89370400440532013000', 'FR7630006000011234567890189']],
    ['accounts[*].tags[*]', ['a', 'b']],
    ['accounts[*].tags', [['a', 'b'], []]],
    ['["odd.name [x]"].y', 1],
    ['name["last"]', 'Lund'],
    ['nothing', null],
    ['name[*]', undefined],
    ['accounts.length', undefined],
    ['name.first.length', undefined],
    ['accounts[9].iban', undefined],
    ['constructor', undefined],
    ['name.__proto__', undefined],
    ['__proto__.x', undefined],
  ])('%j finds %j and nothing that is not an own member', (path, found) => {
    expect(read(path, customer)).toEqual([found, 0]);
  });

  it('finds what was put there, whatever the names are', () => {
    const name = string({ minLength: 1, maxLength: 20 }).filter((text) => /^[^"\\\p{Cc}]+$/u.test(text));
    const steps = array(name, { minLength: 1, maxLength: 5 });
    assert(
      property(steps, jsonValue({ maxDepth: 2 }), (names, value) => {
        const answer = names.reduceRight<unknown>(
          (inner, one) => Object.defineProperty({}, one, { value: inner, enumerable: true }),
          value,
        );
        const path = names.map((one) => `["${one}"]`).join('');
        expect(read(path, answer as JsonObject)).toEqual([value, 0]);
      }),
    );
  });

  it('gives the same for every member of a list, in order', () => {
    assert(
      property(array(record({ n: integer() }, { requiredKeys: [] })), (list) => {
        const there = list.flatMap((one) => (Object.hasOwn(one, 'n') ? [one.n] : []));
        expect(read('list[*].n', { list })).toEqual([there, 0]);
      }),
    );
  });

  it('gathers at most a thousand values, also from lists within lists', () => {
    const list = Array.from({ length: 1_001 }, (_, n) => n);
    expect(read('list[*]', { list: list.slice(1) })[0]).toHaveLength(1_000);
    expect(read('list[*]', { list })).toEqual([undefined, 1]);
    const lists = Array.from({ length: 40 }, () => ({ list: list.slice(0, 30) }));
    expect(read('lists[*].list[*]', { lists })).toEqual([undefined, 1]);
    expect(read({ path: 'list[*]', join: ',' }, { list })).toEqual([undefined, 1]);
  });

  it.each([
    '',
    '.a',
    'a.',
    'a..b',
    'a[',
    'a[x]',
    'a[-1]',
    'a[99999]',
    '[*]',
    '[0]',
    'a[*][*][*]',
    'a[?(@.b)]',
    'a["b',
    'a["b"c"]',
    'a b',
    '$..a["\\u0000"]',
  ])('%j is refused', (text) => {
    expect(fieldPathSetting.safeParse(text).success).toBe(false);
  });

  it('of any text is read or refused in no time', () => {
    assert(
      property(string({ unit: constantFrom(...'ab.[]*"0 '.split('')), maxLength: 256 }), (text) => {
        if (!fieldPathSetting.safeParse(text).success) return;
        expect(() => read(text, { a: [{ b: 1 }] })).not.toThrow();
      }),
    );
  });
});

describe('a type', () => {
  it.each<[string, unknown, unknown]>([
    ['string', 'x', 'x'],
    ['string', 4711, '4711'],
    ['integer', 12, 12],
    ['integer', '0012', undefined],
    ['integer', '-12', -12],
    ['integer', '12.0', 12],
    ['integer', 1.5, undefined],
    ['integer', '9007199254740993', undefined],
    ['number', '12.50', 12.5],
    ['number', '1e5', undefined],
    ['number', '0x10', undefined],
    ['number', '', undefined],
    ['number', '1,5', undefined],
    ['boolean', true, true],
    ['boolean', 'false', false],
    ['boolean', 1, undefined],
    ['date', '1984-02-29', '1984-02-29'],
    ['date', '19840229', '1984-02-29'],
    ['date', '1983-02-29', undefined],
    ['date', '29.02.1984', undefined],
    ['date', '2026-01-02T03:04:05+01:00', '2026-01-02T02:04:05.000Z'],
    ['date', '2026-01-02t03:04:05.123456z', '2026-01-02T03:04:05.123Z'],
    ['date', '2026-01-02T03:04:05', undefined],
    ['date', '2026-01-02T25:04:05Z', undefined],
    ['date', '2026-02-30T03:04:05Z', undefined],
    ['date', 1_767_322_845, undefined],
    ['epoch_seconds', 1_767_322_845, '2026-01-02T03:00:45.000Z'],
    ['epoch_seconds', '1767322845', '2026-01-02T03:00:45.000Z'],
    ['epoch_ms', 1_767_322_845_678, '2026-01-02T03:00:45.678Z'],
    ['epoch_seconds', 1e15, undefined],
    ['string', true, undefined],
    ['string', {}, undefined],
    ['date', '', undefined],
  ])('%s makes of %j: %j; what does not fit is left out and counted', (type, value, made) => {
    const setting = { path: 'v', type } as FieldSetting;
    expect(read(setting, { v: value })).toEqual([made, made === undefined ? 1 : 0]);
    expect(read(setting, { v: null })).toEqual([undefined, 0]);
    expect(read(setting, {})).toEqual([undefined, 0]);
  });

  it('of a list holds for each member, and one that does not fit spoils it', () => {
    expect(read({ path: 'v[*]', type: 'integer' }, { v: ['1', 2, null] })).toEqual([[1, 2, null], 0]);
    expect(read({ path: 'v[*]', type: 'integer' }, { v: [1, 'x'] })).toEqual([undefined, 1]);
  });

  it('of dates gives RFC 3339 or nothing, whatever comes', () => {
    const digits = string({ unit: constantFrom(...'0123456789-:TZ+. '.split('')), maxLength: 30 });
    assert(
      property(digits, (v) => {
        const [found] = read({ path: 'v', type: 'date' }, { v });
        if (found === undefined) return;
        expect(found).toMatch(/^\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d\.\d{3}Z)?$/);
        expect(Number.isNaN(Date.parse(found as string))).toBe(false);
      }),
    );
  });
});

describe('a field', () => {
  it.each<[string, FieldSetting, unknown, number]>([
    ['words through a map', { path: 'tier', map: { G: 'gold', S: 'silver' } }, 'gold', 0],
    ['a word that the map lacks', { path: 'tier', map: { S: 'silver' } }, undefined, 1],
    ['a word of the language', { path: 'tier', map: { toString: 'x' } }, undefined, 1],
    ['its default for such a word', { path: 'tier', map: { S: 'silver' }, default: 'other' }, 'other', 1],
    ['its default for what is missing', { path: 'absent', default: 0 }, 0, 0],
    ['its default for null', { path: 'nothing', default: false }, false, 0],
    ['no default where there is a value', { path: 'tier', default: 'other' }, 'G', 0],
    [
      'several paths joined, without the empty ones',
      { path: ['name.first', 'name.middle', 'name.last'], join: ' ' },
      'Mira Lund',
      0,
    ],
    ['the members of a list joined', { path: 'accounts[*].note', join: ', ' }, 'closed', 0],
    ['nothing for joined paths that lead nowhere', { path: ['a', 'b'], join: ' ' }, undefined, 0],
    ['nothing for joined objects', { path: ['name', 'tier'], join: ' ' }, undefined, 1],
    ['a mask', { path: 'accounts[0].iban', mask: 'last_four' }, '••••3000', 0],
    ['a mask over each member', { path: 'accounts[*].iban', mask: 'last_four' }, ['••••3000', '••••0189'], 0],
    [
      'a mask over what was joined',
      { path: ['name.first', 'name.last'], join: ' ', mask: 'initials' },
      'M. L.',
      0,
    ],
    ['the year of a date', { path: 'born', type: 'date', mask: 'year' }, '1984', 0],
    ['nothing of what a mask does not fit', { path: 'name', mask: 'last_four' }, undefined, 1],
    ['nothing of a number that has lost digits', { path: 'big', mask: 'last_four' }, undefined, 1],
    [
      'an object of further fields',
      {
        members: { given: 'name.first', year: { path: 'born', type: 'date', mask: 'year' }, none: 'absent' },
      },
      { given: 'Mira', year: '1984' },
      0,
    ],
    ['an object within an object', { members: { a: { members: { b: 'tier' } } } }, { a: { b: 'G' } }, 0],
    ['no object without members', { members: { none: 'absent' } }, undefined, 0],
  ])('gives %s', (_what, setting, found, unfit) => {
    expect(read(setting, customer)).toEqual([found, unfit]);
  });

  it('with a mask never holds a hidden character, wherever the value comes from', () => {
    const words = uniqueArray(constantFrom(...'abcdefghijklmnopqrstuvwxyz0123456789'.split('')), {
      minLength: 8,
    });
    assert(
      property(words, (letters) => {
        const text = letters.join('');
        const answer = { a: { b: text }, list: [{ c: text }], first: text.slice(0, 4), rest: text.slice(4) };
        const settings: FieldSetting[] = [
          { path: 'a.b', mask: 'last_four' },
          { path: 'list[*].c', mask: 'last_four' },
          { path: ['first', 'rest'], join: '-', mask: 'last_four' },
          { members: { x: { path: 'a.b', mask: 'last_four' } } },
        ];
        for (const setting of settings) {
          const shown = JSON.stringify(read(setting, answer)[0]).replaceAll('"x":', '');
          for (const hidden of letters.slice(0, -4)) expect(shown).not.toContain(hidden);
          expect(shown).toContain(letters.slice(-4).join(''));
        }
      }),
    );
  });
});

describe('the settings of a field', () => {
  const config = (field: string) => `
public_url: http://localhost
connections: { crm: { base_url: http://127.0.0.1:9 } }
backends:
  - name: crm
    connection: crm
    path: /
    identifier: { as: opaque, in: header, name: x-customer }
    fields: { iban: ${field} }
`;
  it.each([
    ['{ path: a, members: { b: c } }', 'path', 'two ways'],
    ['{ type: string }', 'path', 'is missing'],
    ['{ members: { b: c }, mask: hidden }', 'mask', 'object'],
    ['{ path: a, type: date, map: { x: y } }', 'map', 'exclude'],
    ['{ path: [a, b] }', 'join', 'missing'],
    ['{ path: a, join: "-" }', 'join', 'joins nothing'],
    ['{ path: a, type: number, mask: last_four }', 'mask', 'the type is number'],
    ['{ path: a, type: string, mask: year }', 'mask', 'needs a date'],
    ['{ path: a, type: integer, default: many }', 'default', 'no integer'],
    ['{ path: a, mask: hash }', 'mask', 'not one of the possible values'],
    ['{ path: a, typ: date }', 'typ', 'not a known setting'],
    ['{ path: "a..b" }', 'path', 'must be a path'],
    ['a..b', '', 'must be a path'],
  ])('%s: is refused, and said where and why', (text, setting, problem) => {
    const { problems } = problemsOf(() => loadText(config(text)));
    const path = `backends[0].fields.iban${setting === '' ? '' : `.${setting}`}`;
    expect(problems).toContainEqual(
      expect.objectContaining({ path, problem: expect.stringContaining(problem) }),
    );
  });

  it('say in a line where a field comes from and what is left of it', () => {
    expect(outlineOf('a.b')).toEqual({ path: 'a.b', type: undefined, mask: undefined, hasDefault: false });
    expect(outlineOf({ path: ['a', 'b'], join: ' ', mask: 'initials', default: 'x' })).toEqual({
      path: 'a + b',
      type: 'string',
      mask: 'initials',
      hasDefault: true,
    });
    expect(outlineOf({ members: { a: 'b.c', d: 'e' } })).toMatchObject({
      path: '{ a: b.c, d: e }',
      type: 'object',
    });
    expect(outlineOf({ path: 'a[*]' }).type).toBe('list');
    expect(takesMask(outlineOf({ path: 'a', type: 'boolean' }), 'last_four')).toBe(false);
    expect(takesMask(outlineOf({ path: 'a', type: 'boolean' }), 'hidden')).toBe(true);
    expect(takesMask(outlineOf({ path: 'a', type: 'string' }), 'year')).toBe(false);
    expect(takesMask(outlineOf('a'), 'year')).toBe(true);
  });
});
