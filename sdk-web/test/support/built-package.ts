import { execFileSync } from 'node:child_process';
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'vite';

const root = join(import.meta.dirname, '../..');

export interface BuiltPackage {
  /** Holds the package as it is published. */
  folder: string;
  /** Paths of its files, below `folder`. */
  files: string[];
  read(path: string): string;
  remove(): void;
}

/** Builds the package as `npm run build` does, into a folder of its own. */
export async function buildPackage(): Promise<BuiltPackage> {
  const folder = mkdtempSync(join(tmpdir(), 'symbolon-sdk-'));
  const outDir = join(folder, 'dist');
  for (const mode of ['production', 'script', 'script-all']) {
    await build({ root, mode, logLevel: 'silent', build: { outDir } });
  }
  const tsc = join(root, '../node_modules/typescript/bin/tsc');
  execFileSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.build.json'), '--outDir', outDir]);
  for (const name of ['package.json', 'README.md']) cpSync(join(root, name), join(folder, name));
  return {
    folder,
    files: globSync('**/*.*', { cwd: folder }).sort(),
    read: (path) => readFileSync(join(folder, path), 'utf8'),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
