import { array, assert, constantFrom, dictionary, double, oneof, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MASK_NAMES, maskedValue, maskSetting } from '../../../src/partners/field-mask.ts';

/** Texts of characters that no mask writes by itself, each of them once, so that whatever is shown can be told apart. */
const distinct = string({
  unit: constantFrom(...'abcdefghijklmnopqrstuvwxyz0123456789'.split('')),
  maxLength: 60,
}).map((text) => [...new Set(text)].join(''));

const textOf = (shown: unknown): string => (typeof shown === 'string' ? shown : '');

describe('a mask', () => {
  it.each([
    ['last_four', 'DE89 3704 0044 0532 0130 00', '••••3000'],
    ['last_four', '4111-1111-1111-1234', '••••1234'],
    ['last_four', '12345678', '••••5678'],
    ['last_four', '1234567', '••••'],
    ['last_four', '', '••••'],
    ['last_four', 'Zoë 𝒳𝒴𝒵 ΑΒΓΔ', '••••ΑΒΓΔ'],
    ['last_four', 4111111111111111, '••••1111'],
    ['initials', '  Mira Katharina  Lund ', 'M. K. L.'],
    ['initials', '(Anna-Lena) öz', 'A. ö.'],
    ['initials', 'a b c d e f g', 'a. b. c. d.'],
    ['initials', '王小明', '王.'],
    ['year', '1984-02-29', '1984'],
    ['year', '1984-02-29T10:00:00.000Z', '1984'],
    ['hidden', 'anything', '••••'],
    ['hidden', { a: 1 }, '••••'],
    ['last_four', ['4111111111111111', null], ['••••1111', null]],
    ['last_four', null, null],
  ] as const)('%s leaves of %j no more than %j', (mask, value, shown) => {
    expect(maskedValue(mask, value)).toEqual(shown);
  });

  it.each([
    ['initials', '4711'],
    ['year', '19840229'],
    ['year', '29.02.1984'],
    ['year', '1984-13-01'],
    ['year', '4711-08-15-1234'],
    ['last_four', true],
    ['last_four', 1.5],
    ['last_four', 2 ** 60],
    ['last_four', { number: '4111111111111111' }],
    ['last_four', ['4111111111111111', { a: 1 }]],
    ['last_four', [['4111111111111111']]],
    ['initials', Array.from({ length: 1_001 }, () => 'a')],
  ] as const)('%s shows nothing at all of %j, which it does not fit', (mask, value) => {
    expect(maskedValue(mask, value)).toBeUndefined();
  });

  it('never shows a character that it hides', () => {
    assert(
      property(distinct, (text) => {
        const shown = String(maskedValue('last_four', text));
        for (const hidden of text.length < 8 ? text : text.slice(0, -4)) expect(shown).not.toContain(hidden);
        expect(maskedValue('hidden', text)).toBe('••••');
      }),
    );
    assert(
      property(array(distinct, { maxLength: 4 }), (words) => {
        const shown = textOf(maskedValue('initials', words.join(' ')));
        const firsts = words.flatMap((word) => /[a-z]/.exec(word) ?? []);
        expect(shown.replaceAll(/[. ]/g, '')).toBe(firsts.join(''));
      }),
    );
  });

  it('tells nothing of the length of what it hides', () => {
    assert(
      property(string({ maxLength: 300 }), (text) => {
        expect([4, 8, 12]).toContain(String(maskedValue('last_four', text)).length);
        expect(textOf(maskedValue('initials', text)).length).toBeLessThanOrEqual(4 * 4);
      }),
    );
  });

  it('gives text, a list of texts or nothing, whatever it is laid over', () => {
    const anything = oneof(
      string(),
      double(),
      dictionary(string(), string()),
      array(oneof(string(), double())),
    );
    assert(
      property(constantFrom(...MASK_NAMES), anything, (mask, value) => {
        const shown = maskedValue(mask, value);
        if (shown === undefined || typeof shown === 'string') return;
        expect(Array.isArray(shown) && shown.every((one) => typeof one === 'string')).toBe(true);
      }),
    );
  });

  it('is not a hash: a known set of values is found by trying them all', () => {
    expect(maskSetting.safeParse('hash').success).toBe(false);
  });
});
