import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { throttleName } from '../../../src/limits/sign-in-throttle.ts';

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
  ])('is the same for a spelling with %s', (_what, spelling) => {
    expect(throttleName(spelling)).toBe('mira');
  });

  it('is another for another name', () => {
    for (const other of ['mir', 'miraa', 'mira1', 'mi-ra', 'mi.ra', 'mïra'])
      expect(throttleName(other)).not.toBe('mira');
  });

  it.each([
    ['\u0130', 'i\u0307'],
    ['a\u0301', '\u00e1'],
    ['\u1e9e', '\u00df'],
  ])('takes %j and %j for one, however each is composed', (one, other) => {
    expect(throttleName(one)).toBe(throttleName(other));
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
