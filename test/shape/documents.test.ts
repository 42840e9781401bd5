import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const documents = globSync(['*.md', 'docs/**/*.md', 'sdk-web/*.md'], { cwd: root }).sort();

/** Names of the headings of a document, as links to them are written. */
function anchors(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map((match) =>
    (match[1] as string)
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

describe('the documents', () => {
  it('link only to what is there', () => {
    expect(documents.length).toBeGreaterThan(10);
    const broken = documents.flatMap((path) =>
      [...read(path).matchAll(/\]\(([^)\s]+)\)/g)]
        .map((match) => match[1] as string)
        .filter((target) => !/^https?:/.test(target))
        .filter((target) => {
          const [file = '', anchor] = target.split('#');
          const found = file === '' ? path : join(dirname(path), file);
          if (!existsSync(join(root, found))) return true;
          return anchor !== undefined && !anchors(read(found)).includes(anchor);
        })
        .map((target) => `${path}: ${target}`),
    );
    expect(broken).toEqual([]);
  });

  it('for the reviewer name only tests that exist', () => {
    const rows = read('docs/security.md')
      .split('\n')
      .filter((line) => line.startsWith('| ') && !line.startsWith('|---'));
    const named = rows.flatMap((line) =>
      [...(line.split('|').at(-2) ?? '').matchAll(/`([^`]+)`/g)].map((match) => match[1] as string),
    );
    expect(named.length).toBeGreaterThan(50);
    const missing = named.filter(
      (name) => !['.test.ts', '.ts'].some((end) => existsSync(join(root, `test/${name}${end}`))),
    );
    expect(missing).toEqual([]);
  });

  it('list every decision', () => {
    const pages = globSync('docs/decisions/*.md', { cwd: root })
      .map((path) => path.slice('docs/decisions/'.length))
      .filter((name) => name !== 'README.md');
    const listed = [...read('docs/decisions/README.md').matchAll(/\]\(([^)]+)\)/g)].map(
      (match) => match[1] as string,
    );
    expect(listed.sort()).toEqual(pages.sort());
  });

  it('give a reason for every runtime dependency, and for nothing else', () => {
    const { dependencies } = JSON.parse(read('package.json')) as { dependencies: Record<string, string> };
    const table = read('README.md').split('## Runtime dependencies')[1]?.split('\n## ')[0] ?? '';
    const explained = [...table.matchAll(/^\| ([a-z@/-]+) \| \S/gm)].map((match) => match[1] as string);
    expect(explained.filter((name) => name !== 'package').sort()).toEqual(Object.keys(dependencies).sort());
  });
});
