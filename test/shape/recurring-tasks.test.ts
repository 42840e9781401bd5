import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const sources = globSync('src/**/*.ts', { cwd: root }).map(read);
const namesIn = (text: string) =>
  [...text.matchAll(/\bname: '(\w+)',\s+everyMs: /g)].map(([, name = '']) => name);

describe('the recurring tasks', () => {
  it('have each a name of their own, in the place where this test looks for it', () => {
    const names = sources.flatMap(namesIn);
    const tasks = sources.flatMap((text) => [...text.matchAll(/\beveryMs: (?!number;)/g)]);
    expect(names).toHaveLength(tasks.length);
    expect(new Set(names).size).toBe(names.length);
    expect(names.length).toBeGreaterThan(15);
  });

  it('are named in the manual as reasons of `watch.failed`, each of them and no others', () => {
    const row = /^\| `watch\.failed`.*$/m.exec(read('docs/operations.md'))?.[0] ?? '';
    const [, reasons = ''] = row.split('`reason` is ');
    const named = [...reasons.matchAll(/`(\w+)`/g)].map(([, name]) => name);
    expect(named).toEqual(sources.flatMap(namesIn).sort((a, b) => a.localeCompare(b, 'en')));
  });
});
