import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createContext, runInContext } from 'node:vm';
import { brotliCompressSync } from 'node:zlib';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
const MAX_BROTLI_BYTES = 3_000;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'symbolon-sdk-'));
  await build({ root, logLevel: 'silent', build: { outDir: folder } });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the bundles', () => {
  it.each(['symbolon.js', 'symbolon.global.js'])('%s is at most 3 kB after brotli', (file) => {
    expect(brotliCompressSync(readFileSync(join(folder, file))).byteLength).toBeLessThan(MAX_BROTLI_BYTES);
  });

  it.each(['symbolon.js', 'symbolon.global.js'])('%s runs under a policy without eval', (file) => {
    expect(readFileSync(join(folder, file), 'utf8')).not.toMatch(/\beval\b|new Function|import\(/);
  });

  it('the script-tag file offers the same functions as the global Symbolon', () => {
    const page = createContext({ console });
    runInContext(readFileSync(join(folder, 'symbolon.global.js'), 'utf8'), page);
    const found = runInContext(
      `[typeof Symbolon.createSymbolon, typeof Symbolon.SymbolonError,
        Symbolon.createSymbolon({ baseUrl: 'http://127.0.0.1', channel: 'web' }).state()].join()`,
      page,
    ) as string;
    expect(found).toBe('function,function,unknown');
  });

  it('the core compiles without browser and Node types', () => {
    const tsc = join(root, '../node_modules/typescript/bin/tsc');
    const options = ['-p', join(root, 'tsconfig.build.json'), '--outDir', folder];
    expect(execFileSync(process.execPath, [tsc, ...options], { encoding: 'utf8' })).toBe('');
    expect(readFileSync(join(folder, 'index.d.ts'), 'utf8')).toContain('createSymbolon');
  });
});
