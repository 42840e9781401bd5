import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'docs/operations.md'), 'utf8');
const table = /\n## Log\n([\s\S]*?)\n## Audit log\n/.exec(page)?.[1] ?? '';
const sources = globSync('src/**/*.ts', { cwd: root }).map((path) => readFileSync(join(root, path), 'utf8'));

/** Events that are written to the log by themselves, not as a copy of an audit record. */
const logged = new Set(
  sources.flatMap((text) =>
    [
      ...text.matchAll(
        /(?:log\(\s*'[a-z]+',\s*\{\s*event:|unexpected\(|reportFailure\(\{\s*event:)\s*'([a-z_.]+)'/g,
      ),
    ].map((one) => one[1] as string),
  ),
);

describe('the table of log events', () => {
  it('has every event that the service writes to its log', () => {
    expect(logged.size).toBeGreaterThan(30);
    expect([...logged].filter((event) => !table.includes(`\`${event}\``))).toEqual([]);
  });
});
