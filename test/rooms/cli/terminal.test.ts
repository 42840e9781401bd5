import { expect, it } from 'vitest';
import { plain } from '../../../src/cli/terminal.ts';

it.each([
  ['a colour', '\u001b[31m'],
  ['a bell', '\u0007'],
  ['a carriage return', '\r'],
  ['a turn to the left', '\u202e'],
  ['an isolate', '\u2066'],
  ['a blank without width', '\u200b'],
  ['a line separator', '\u2028'],
  ['a tag', '\u{e0041}'],
])('a name with %s in it cannot pass for another one on the terminal', (_what, text) => {
  const shown = plain(`admin${text}istrator`);
  expect(shown).not.toContain(text);
  expect(shown.startsWith('admin')).toBe(true);
  expect(shown.endsWith('istrator')).toBe(true);
});
