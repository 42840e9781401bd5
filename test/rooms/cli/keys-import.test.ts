import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { folder } from '../config/settings.ts';
import { symbolon } from './run.ts';

let place: ReturnType<typeof folder>;
beforeAll(async () => {
  place = folder();
  place.write('symbolon.yaml', 'public_url: http://localhost:8080\nkeys:\n  generate: true\n');
  const made = await run(['partners', 'create', 'acme', '--groups', 'web']);
  if (made.code !== 0) throw new Error(made.stderr);
});
afterAll(() => place[Symbol.dispose]());

const run = (args: string[], input?: string) =>
  symbolon(args, { cwd: place.path, env: {}, ...(input === undefined ? {} : { input }) });

const lines = (...keys: Record<string, unknown>[]) => keys.map((key) => JSON.stringify(key)).join('\n');
const SECRET = 'an-old-secret-from-another-system';

describe('keys import', () => {
  it('takes over every key of a file, and says what became of each', async () => {
    const text = lines(
      { public_id: 'mx_live_0001', secret: SECRET, label: 'first' },
      { public_id: 'mx_live_0001', secret: `${SECRET}-2` },
      { public_id: 'mx_live_0003', secret: 'short' },
      { public_id: 'mx_live_0004', secret: `${SECRET}-4`, use: 'signing' },
    );
    const { code, stdout, stderr } = await run(['keys', 'import', '-', '--partner', 'acme', '--json'], text);
    expect(code).toBe(1);
    expect(stderr).toContain('2 of 4 keys were not imported');
    const { items } = JSON.parse(stdout) as { items: { result: string }[] };
    expect(items.map(({ result }) => result.replace(/.*\((\w+)\)$/, '$1'))).toEqual([
      'imported',
      'CONFLICT',
      'INVALID_REQUEST',
      'imported',
    ]);
    expect(stdout + stderr).not.toContain(SECRET);
    const list = await run(['keys', 'list', '--json']);
    expect((JSON.parse(list.stdout) as { items: unknown[] }).items).toMatchObject([
      { partner: 'acme', label: 'first', use: 'bearer', signature: 'none' },
      { partner: 'acme', use: 'signing', signature: 'any' },
    ]);
  });

  it.each([
    ['no JSON', 'public_id,secret'],
    ['a list of something else', '[1]'],
  ])('is called wrongly with %s', async (_what, text) => {
    expect(await run(['keys', 'import', '-'], text)).toMatchObject({ code: 2, stdout: '' });
  });

  it('is called wrongly with a file that is not there', async () => {
    expect((await run(['keys', 'import', 'nowhere.json'])).code).toBe(2);
  });
});
