/** Spellings that look like the name `mira`, or that some server may take for it; none of them is that name. */
export const LOOKALIKES: readonly (readonly [form: string, username: string])[] = [
  ['wide letters', 'ｍｉｒａ'],
  ['mathematical letters of four bytes', '𝐦𝐢𝐫𝐚'],
  ['letters in circles', 'ⓜⓘⓡⓐ'],
  ['a Cyrillic letter', 'mіra'],
  ['a combining accent', 'mira\u0301'],
  ['a composed accent', 'mirá'],
  ['a zero-width space', 'mi\u200bra'],
  ['a zero-width joiner at its end', 'mira\u200d'],
  ['a soft hyphen', 'mi\u00adra'],
  ['a byte order mark', '\ufeffmira'],
  ['a right-to-left mark', '\u200fmira'],
  ['a right-to-left override', '\u202earim'],
  ['a letter of the tag block', 'mira\u{e0061}'],
  ['a no-break space', 'mira\u00a0'],
  ['an ideographic space', '\u3000mira'],
  ['an emoji', 'mira😀'],
  ['the replacement character', 'mira\ufffd'],
  ['a private-use character', 'mira\u{10fffd}'],
  ['a noncharacter', 'mira\uffff'],
  ['a ligature that grows eighteenfold', '\ufdfa'.repeat(85)],
  ['a thousand bytes of emoji', '😀'.repeat(127)],
];

/** Spellings that nobody can have: some servers cut, replace or drop what is wrong with them. */
export const IMPOSSIBLE_NAMES: readonly (readonly [form: string, username: string])[] = [
  ['a NUL at its end', 'mira\0'],
  ['a NUL and more', 'mira\0x'],
  ['the first half of a character', 'mira\ud83d'],
  ['the second half of a character', '\ude00mira'],
  ['a line break', 'mira\n'],
  ['a tab', '\tmira'],
  ['a backspace', 'miraa\b'],
  ['a C1 control character', 'mira\u0085'],
];
