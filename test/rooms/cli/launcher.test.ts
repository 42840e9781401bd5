import { spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../../..');

/** Pretends to be another Node: the launcher reads nothing but `process.versions.node`. */
const pretend = (version: string) =>
  `Object.defineProperty(process.versions, 'node', { value: '${version}' });`;

describe('the launcher', () => {
  let place: string;
  let launcher: string;

  /** A clone of the launcher with a main file that says what it was given. */
  beforeAll(() => {
    place = mkdtempSync(join(tmpdir(), 'symbolon-launcher-'));
    mkdirSync(join(place, 'bin'));
    mkdirSync(join(place, 'src'));
    launcher = join(place, 'bin/symbolon.mjs');
    cpSync(join(root, 'bin/symbolon.mjs'), launcher);
    writeFileSync(join(place, 'package.json'), '{"type":"module"}');
    writeFileSync(
      join(place, 'src/main.ts'),
      `const given: string[] = process.argv.slice(2);
if (given[0] === 'wait') {
  process.on('SIGTERM', () => { console.log('stopped in order'); process.exit(7); });
  setInterval(() => {}, 1000);
  console.log('waiting');
} else {
  console.log(JSON.stringify({ given, version: process.version, old: process.versions.node }));
  process.exitCode = given[0] === 'fail' ? 5 : 0;
}
`,
    );
    writeFileSync(join(place, 'old.cjs'), pretend('14.21.3'));
    writeFileSync(join(place, 'early.cjs'), pretend('24.20.9'));
    writeFileSync(join(place, 'later.cjs'), pretend('25.0.0'));
  });
  afterAll(() => rmSync(place, { recursive: true, force: true }));

  const withNodePackage = (present: boolean) => {
    rmSync(join(place, 'node_modules'), { recursive: true, force: true });
    if (!present) return;
    mkdirSync(join(place, 'node_modules/node/bin'), { recursive: true });
    symlinkSync(process.execPath, join(place, 'node_modules/node/bin/node'));
  };
  const start = (preload: string | undefined, args: string[]) =>
    spawnSync(
      process.execPath,
      [...(preload ? ['--require', join(place, preload)] : []), launcher, ...args],
      {
        encoding: 'utf8',
        timeout: 15_000,
      },
    );

  it.each(['old.cjs', 'early.cjs'])(
    'runs itself again with the Node of the installation on a Node that is too old (%s)',
    (preload) => {
      withNodePackage(true);
      const run = start(preload, ['a b', '--flag']);
      expect(JSON.parse(run.stdout)).toMatchObject({ given: ['a b', '--flag'], version: process.version });
      expect(run.status).toBe(0);
    },
  );

  it('keeps the exit code', () => {
    withNodePackage(true);
    expect(start('old.cjs', ['fail']).status).toBe(5);
    expect(start(undefined, ['fail']).status).toBe(5);
  });

  it('says what is needed when there is no newer Node', () => {
    withNodePackage(false);
    const run = start('old.cjs', []);
    expect(run.status).toBe(1);
    expect(run.stderr).toContain('needs Node 24.21 or newer; this is 14.21.3');
    expect(run.stdout).toBe('');
  });

  it.each([undefined, 'later.cjs'])('starts at once on a Node that suffices (%s)', (preload) => {
    withNodePackage(false);
    expect(JSON.parse(start(preload, ['x']).stdout)).toMatchObject({ given: ['x'] });
  });

  it('passes signals on, so that the service behind it stops in order', async () => {
    withNodePackage(true);
    const child = spawn(process.execPath, ['--require', join(place, 'old.cjs'), launcher, 'wait']);
    let output = '';
    await new Promise<void>((done) => {
      child.stdout.on('data', (chunk: Buffer) => {
        output += chunk.toString();
        if (output.includes('waiting')) done();
      });
    });
    child.kill('SIGTERM');
    const code = await new Promise((done) => child.on('close', done));
    expect(output).toContain('stopped in order');
    expect(code).toBe(7);
  });

  it('says so when the package was not built', () => {
    const bare = mkdtempSync(join(tmpdir(), 'symbolon-bare-'));
    mkdirSync(join(bare, 'bin'));
    cpSync(launcher, join(bare, 'bin/symbolon.mjs'));
    const run = spawnSync(process.execPath, [join(bare, 'bin/symbolon.mjs')], { encoding: 'utf8' });
    rmSync(bare, { recursive: true });
    expect(run.status).toBe(1);
    expect(run.stderr).toContain('npm run build');
  });

  it("runs under the machine's own Node, whichever that is", () => {
    const folders = (process.env['PATH'] ?? '')
      .split(delimiter)
      .filter((one) => !one.includes('node_modules'));
    const own = folders.map((one) => join(one, 'node')).find((one) => existsSync(one)) ?? process.execPath;
    const run = spawnSync(own, [join(root, 'bin/symbolon.mjs'), '--version'], { encoding: 'utf8' });
    expect(run.stderr).toBe('');
    expect(run.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(run.status).toBe(0);
  });
});
