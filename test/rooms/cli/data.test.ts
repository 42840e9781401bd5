import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { folder } from '../config/settings.ts';
import { symbolon } from './run.ts';

const SETTINGS =
  'public_url: http://localhost:8080\nkeys:\n  generate: true\nauthenticators:\n  - name: staff\n    type: directory\n    reference_space: crm\nchannels:\n  - id: web\n    group: chat\n';

describe('an import of a file that cannot be read', () => {
  it.each([
    ['nope.jsonl', 'nope.jsonl cannot be read: no such file or directory (ENOENT).'],
    ['.', '. cannot be read: illegal operation on a directory (EISDIR).'],
  ])('of %s says so with the reason of the system, and touches no database', async (file, message) => {
    using place = folder();
    place.write('symbolon.yaml', SETTINGS);
    const { code, stderr } = await symbolon(['import', file], { cwd: place.path, env: {} });
    expect([code, stderr.trim()]).toEqual([2, message]);
    expect(readdirSync(place.path)).toEqual(['symbolon.yaml']);
  });

  it('shows what caused it under --debug', async () => {
    using place = folder();
    place.write('symbolon.yaml', SETTINGS);
    const { stderr } = await symbolon(['--debug', 'import', 'nope.jsonl'], { cwd: place.path, env: {} });
    expect(stderr).toContain('Caused by: Error: ENOENT: no such file or directory, open');
  });
});
