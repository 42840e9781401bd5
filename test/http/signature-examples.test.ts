import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/platform/clock.ts';
import { findProgram, freePort } from '../support/child-server.ts';
import { startService, type TestService } from '../support/service.ts';

const manual = readFileSync(resolve(import.meta.dirname, '../../docs/signatures.md'), 'utf8');

interface Language {
  /** As in the manual's headings. */
  name: string;
  /** What must be on the machine to run it. */
  programs: string[];
  file: string;
  /** Arguments of the first program. */
  args: string[];
}

const LANGUAGES: Language[] = [
  { name: 'with curl and openssl', programs: ['sh', 'curl', 'openssl'], file: 'sign.sh', args: ['sign.sh'] },
  { name: 'in Node', programs: ['node'], file: 'sign.mjs', args: ['sign.mjs'] },
  { name: 'in Python', programs: ['python3'], file: 'sign.py', args: ['sign.py'] },
  { name: 'in PHP', programs: ['php'], file: 'sign.php', args: ['-n', 'sign.php'] },
  { name: 'in Java', programs: ['java', 'javac'], file: 'Sign.java', args: ['Sign.java'] },
  { name: 'in Go', programs: ['go'], file: 'sign.go', args: ['run', 'sign.go'] },
];

/** The program under a heading of the manual. */
function example(scheme: string, language: string): string {
  const section = manual.split(`\n### ${scheme} ${language}\n`)[1] ?? '';
  return /^\n```\w+\n([\s\S]*?)\n```\n/.exec(section)?.[1] ?? '';
}

const examples = LANGUAGES.flatMap((language) =>
  (['v1', 'v2'] as const).map((scheme) => ({ scheme, language, title: `${scheme} ${language.name}` })),
);
const runnable = examples.filter(({ language }) => language.programs.every((name) => findProgram(name)));

describe('the examples of the manual', () => {
  let t: TestService;
  let folder: string;
  let customer: { JWT: string; customer_id: string };
  let bridge: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'symbolon-examples-'));
    const port = await freePort();
    bridge = `http://127.0.0.1:${port}`;
    t = await startService({
      clock: systemClock,
      settings: (all) => ({
        ...all,
        public_url: bridge,
        behind_tls_proxy: false,
        listen: { host: '127.0.0.1', port },
      }),
    });
    customer = await t.signIn('ios');
  });
  afterAll(async () => {
    await t.dispose();
    rmSync(folder, { recursive: true, force: true });
  });

  it('are there for every language and either scheme', () => {
    expect(
      examples.map(({ scheme, language }) => example(scheme, language.name)).filter((text) => text === ''),
    ).toEqual([]);
    expect(runnable.length).toBeGreaterThan(0);
  });

  it.each(runnable)('$title reads a profile', { timeout: 60_000 }, async ({ scheme, language }) => {
    writeFileSync(join(folder, language.file), example(scheme, language.name));
    // A key of its own: the same body signed twice in one second with v1 would be a replay.
    const key = await t.createKey(t.north, { use: 'signing', signature: scheme });
    const { stdout } = await promisify(execFile)(
      findProgram(language.programs[0] as string) as string,
      language.args,
      {
        cwd: folder,
        timeout: 50_000,
        env: {
          PATH: process.env['PATH'],
          HOME: folder,
          BRIDGE: bridge,
          KEY_ID: key.publicId,
          KEY_SECRET: key.secret,
          CUSTOMER_TOKEN: customer.JWT,
        },
      },
    );
    expect(JSON.parse(stdout)).toEqual({
      customer_id: customer.customer_id,
      profile: expect.objectContaining({ plan: expect.anything() }),
      sources: expect.anything(),
    });
  });
});
