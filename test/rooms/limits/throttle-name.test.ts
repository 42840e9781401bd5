import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { throttleName } from '../../../src/limits/throttle-name.ts';

describe('the name that failures are counted under', () => {
  it.each([
    ['white space around it', ' mira\t'],
    ['white space inside it', 'mi ra'],
    ['a no-break space', 'mira\u00a0'],
    ['a zero-width joiner', 'mi\u200dra'],
    ['a soft hyphen', 'mi\u00adra'],
    ['a byte order mark', '\ufeffmira'],
    ['a control character', 'mira\u0007'],
    ['a line break', 'mira\r\n'],
    ['another case', 'MIRA'],
    ['wide letters', '\uff2d\uff29\uff32\uff21'],
    ['mathematical letters', '\u{1d426}\u{1d422}\u{1d42b}\u{1d41a}'],
    ['an accent', 'mïra'],
    ['an accent of its own', 'mira\u0323\u0301'],
    ['a dotless i', 'mıra'],
    ['a dotted capital', 'MİRA'],
    ['a barred letter', 'mɨra'],
    ['a combining letter', 'mir\u0363'],
    ['circled letters', 'ⓜⓘⓡ🅐'],
  ])('is the same for a spelling with %s', (_what, spelling) => {
    expect(throttleName(spelling)).toBe('mira');
  });

  it('is another for another name', () => {
    for (const other of ['mir', 'miraa', 'mira1', 'mi-ra', 'mi.ra', 'nira'])
      expect(throttleName(other)).not.toBe('mira');
  });

  it.each([
    ['\u0130', 'i\u0307'],
    ['a\u0301', '\u00e1'],
    ['\u1e9e', '\u00df'],
    ['jessica', 'jeßica'],
    ['jesica', 'jeßica'],
    ['soren', 'søren'],
    ['lukasz', 'łukasz'],
    ['aelfric', 'Ælfric'],
    ['oeuvre', 'œuvre'],
    ['dorde', 'Đorđe'],
    ['thor', 'Þór'],
    ['οδυσσευς', 'ΟΔΥΣΣΕΥΣ'],
    ['οδυσσευς', 'οδυσσευ\u03f2'],
    ['οδυσσευς', 'οδυσσευ\u03f9'],
    ['mira1', 'mira١'],
    ['mira1', 'mira፩'],
    ['やま', 'ヤマ'],
    ['かつ', 'ガッ'],
    ['col·lega', 'coŀlega'],
  ])('takes %j and %j for one, however each is composed', (one, other) => {
    expect(throttleName(one)).toBe(throttleName(other));
  });

  it('is the same for all that a database without accents and case takes for the same', () => {
    const base = new Intl.Collator('en', { sensitivity: 'base' });
    const letters = 'abcdefghijklmnopqrstuvwxyz0123456789';
    const missed: string[] = [];
    for (let code = 0x80; code < 0x1_0000; code++) {
      const letter = String.fromCodePoint(code);
      if (!/[\p{L}\p{N}\p{M}\p{S}]/u.test(letter)) continue;
      const like = letters.split('').find((one) => base.compare(one, letter) === 0);
      if (like !== undefined && throttleName(`x${letter}y`) !== throttleName(`x${like}y`))
        missed.push(letter);
    }
    expect(missed).toEqual([]);
  });

  it('is the same with marks put in anywhere, in capitals and in small letters', () => {
    const mark = fc.constantFrom(
      '\u0300',
      '\u0301',
      '\u0308',
      '\u030a',
      '\u0323',
      '\u0327',
      '\u0328',
      '\u200d',
      ' ',
    );
    const name = fc.array(fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz0123456789@.-'.split('')), {
      minLength: 1,
      maxLength: 12,
    });
    fc.assert(
      fc.property(name, fc.array(mark, { minLength: 12, maxLength: 12 }), (letters, marks) => {
        const spelled = letters.map((letter, at) => letter + marks[at]).join('');
        const made = throttleName(letters.join(''));
        for (const one of [
          spelled,
          spelled.toUpperCase(),
          spelled.normalize('NFC'),
          spelled.normalize('NFKC'),
        ])
          expect(throttleName(one)).toBe(made);
      }),
    );
  });

  it('stays as it is when it is made again, so that no spelling buys a second count', () => {
    const character = fc.integer({ min: 0, max: 0x10_ff_ff }).map((code) => String.fromCodePoint(code));
    fc.assert(
      fc.property(fc.string({ unit: character }), (name) => {
        const made = throttleName(name);
        expect(throttleName(made)).toBe(made);
        expect(throttleName(` ${name}\u200b`)).toBe(made);
      }),
    );
  });
});
