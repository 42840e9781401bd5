import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const page = readFileSync(resolve(root, 'docs/operations.md'), 'utf8');
const section = page.slice(
  page.indexOf('### Each fault and its test'),
  page.indexOf('## More than one process'),
);
const rows = section.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| fault '));

describe('the table of faults', () => {
  it('has a line for each of the stores and for each way to end', () => {
    for (const what of ['Redis', 'PostgreSQL', 'disk full', 'backend', 'kill -9', 'SIGTERM', 'clock']) {
      expect([what, rows.some((row) => row.includes(what))]).toEqual([what, true]);
    }
  });

  it.each(rows.map((row) => [row]))('names a test that is there: %s', (row) => {
    const [, path = '', name = ''] = /\]\(\.\.\/(test\/[^)]+)\) `([^`]+)` \|$/.exec(row) ?? [];
    expect(path).not.toBe('');
    const text = readFileSync(resolve(root, path), 'utf8');
    expect(text.includes(name)).toBe(true);
    expect(path).toMatch(/\.(test|faults)\.ts$/);
  });
});
