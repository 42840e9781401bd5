import { type Arbitrary, array, constantFrom, nat, string, tuple } from 'fast-check';

/** Bytes as text, one character each (latin1), so that inputs that are no UTF-8 can be written down. */
export type Input = string;

const SPECIAL = [
  '\0',
  '\n',
  '\r\n',
  '\t',
  ' ',
  '"',
  "'",
  '\\',
  '.',
  '..',
  ',',
  ';',
  ':',
  '=',
  '==',
  '&',
  '?',
  '#',
  '%',
  '%00',
  '%2e%2e%2f',
  '+',
  '-',
  '/',
  '//',
  '[',
  ']',
  '{',
  '}',
  '<',
  '>',
  '@',
  '|',
  '~',
  '$',
  '${X}',
  '*',
  '__proto__',
  'constructor',
  'null',
  'true',
  '0',
  '-1',
  '1e999',
  '9007199254740993',
  '\xc3\x28',
  '\xef\xbb\xbf',
  '\xed\xa0\x80',
  '\xf0\x9f\x98\x80',
  '\xff\xfe',
  'eyJhbGciOiJub25lIn0',
  'A'.repeat(300),
]; // prettier-ignore

const KINDS = ['flip', 'delete', 'insert', 'repeat', 'cut', 'swap', 'case', 'splice'] as const;

/** One change; positions are shares of a thousand, so that a change can be tried on inputs of any length. */
interface Change {
  kind: (typeof KINDS)[number];
  at: number;
  length: number;
  text: string;
}

function applied(input: Input, { kind, at, length, text }: Change, others: readonly Input[]): Input {
  const from = Math.floor((input.length * at) / 1_000);
  const before = input.slice(0, from);
  const part = input.slice(from, from + length);
  const after = input.slice(from + length);
  switch (kind) {
    case 'flip':
      return (
        before + String.fromCharCode((part.charCodeAt(0) || 0) ^ (1 << (length % 8))) + input.slice(from + 1)
      );
    case 'delete':
      return before + after;
    case 'insert':
      return before + text + input.slice(from);
    case 'repeat':
      return before + part + part + after;
    case 'cut':
      return before;
    case 'swap':
      return before + text + after;
    case 'case':
      return before + (part === part.toUpperCase() ? part.toLowerCase() : part.toUpperCase()) + after;
    case 'splice': {
      const other = others[length % others.length] ?? '';
      return before + other.slice(Math.floor((other.length * at) / 1_000));
    }
  }
}

const change: Arbitrary<Change> = tuple(
  constantFrom(...KINDS),
  nat(1_000),
  nat(12),
  constantFrom(...SPECIAL, ''),
  string({ maxLength: 4 }),
).map(([kind, at, length, special, free]) => ({ kind, at, length, text: special === '' ? free : special }));

/** One of the inputs with up to six changes; fewer changes first when a failure is made smaller. */
export function mutated(inputs: readonly Input[]): Arbitrary<{ original: Input; input: Input }> {
  return tuple(constantFrom(...inputs), array(change, { maxLength: 6 })).map(([original, changes]) => ({
    original,
    input: changes.reduce((sum, one) => applied(sum, one, inputs), original),
  }));
}
