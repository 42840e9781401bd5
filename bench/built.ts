/** Builds the service and lays it out as its package and its image do: launcher, dist and the packages, no sources. */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');

/** A fresh build in a folder of its own, away from `dist`. */
export function buildService(): string {
  const home = mkdtempSync(join(tmpdir(), 'symbolon-built-'));
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  execFileSync(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--outDir', join(home, 'dist')], {
    cwd: root,
    stdio: 'inherit',
  });
  execFileSync(process.execPath, ['scripts/bundle-libraries.mjs', join(home, 'dist')], { cwd: root });
  mkdirSync(join(home, 'sdk-web'));
  for (const name of [
    'package.json',
    'bin',
    'docs',
    'openapi.yaml',
    'sdk-web/package.json',
    'sdk-web/dist',
  ]) {
    if (existsSync(join(root, name))) cpSync(join(root, name), join(home, name), { recursive: true });
  }
  symlinkSync(join(root, 'node_modules'), join(home, 'node_modules'));
  return home;
}
