import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { folder } from '../config/settings.ts';
import { symbolon } from './run.ts';

describe('try-login', () => {
  let place: ReturnType<typeof folder>;
  const run = (args: string[], input = '') => symbolon(args, { cwd: place.path, input });

  beforeAll(async () => {
    place = folder();
    place.write('symbolon.yaml', 'public_url: http://localhost:8080\nkeys: { generate: true }\n');
    const added = await run(
      ['users', 'add', 'pat', '--reference', '100234', '--password-stdin'],
      'a pass phrase',
    );
    if (added.code !== 0) throw new Error(added.stderr);
  });
  afterAll(() => place[Symbol.dispose]());

  it('shows the steps and the reference of one who may sign in', async () => {
    const { code, stdout } = await run(['try-login', 'pat', '--password-stdin'], 'a pass phrase\n');
    expect(stdout).toContain('✓ directory (directory)');
    expect(stdout).toContain('Reference: 100234');
    expect(stdout).not.toContain('a pass phrase');
    expect(code).toBe(0);
  });

  it('says why one may not, and fails', async () => {
    const { code, stdout } = await run(['try-login', 'pat', '--password-stdin'], 'canary-wrong');
    expect(stdout).toContain('✗ directory (directory)');
    expect(stdout).toContain('the name or the password is wrong');
    expect(stdout).not.toContain('canary-wrong');
    expect(code).toBe(1);
  });

  it('takes no password as an argument, and none that is empty', async () => {
    expect((await run(['try-login', 'pat', 'a pass phrase'])).code).toBe(2);
    expect((await run(['try-login', 'pat'])).code).toBe(2);
    expect((await run(['try-login', 'pat', '--password-stdin'])).code).toBe(2);
  });
});
