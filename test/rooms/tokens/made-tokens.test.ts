import { hash } from 'node:crypto';
import { expect, it } from 'vitest';
import { createMadeTokens } from '../../../src/tokens/made-tokens.ts';

const digestOf = (text: string) => hash('sha256', text, 'binary');

it('knows what was added, byte for byte, and nothing else', () => {
  const made = createMadeTokens(65_536);
  const added = Array.from({ length: 200 }, (_, i) => digestOf(`token ${i}`));
  for (const digest of added) made.add(digest);
  for (const digest of added) expect(made.has(digest)).toBe(true);
  for (let i = 0; i < 5_000; i++) expect(made.has(digestOf(`other ${i}`))).toBe(false);
  const [first = ''] = added;
  for (let at = 0; at < 32; at++) {
    const other = String.fromCharCode(first.charCodeAt(at) ^ 1);
    expect(made.has(first.slice(0, at) + other + first.slice(at + 1)), `byte ${at}`).toBe(false);
  }
});

it('lets a later one take the place of an earlier one that begins alike', () => {
  const made = createMadeTokens(1);
  const [first, second] = [digestOf('first'), digestOf('second')];
  made.add(first);
  made.add(second);
  expect([made.has(first), made.has(second)]).toEqual([false, true]);
});

it('knows none at the beginning', () => {
  const made = createMadeTokens(65_536);
  expect(made.has(digestOf('anything'))).toBe(false);
});
