import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createContext, runInContext } from 'node:vm';
import { brotliCompressSync } from 'node:zlib';
import { checkPackage, Package } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BuiltPackage, buildPackage } from './support/built-package.ts';

const MAX_CORE_BYTES = 3_000;
/** What one adapter adds to a page, with the parts that adapters share. */
const MAX_ADAPTER_BYTES = 1_200;
const SCRIPTS = ['./script', './script-all'];
let built: BuiltPackage;
let manifest: {
  name: string;
  version: string;
  exports: Record<string, string | { types: string; default: string }>;
};

const bytesOf = (code: string) => brotliCompressSync(code).byteLength;
const fileOf = (entry: string) => {
  const target = manifest.exports[entry];
  return typeof target === 'string' ? target : (target?.default ?? '');
};
const adapters = () =>
  Object.entries(manifest.exports)
    .filter(([, target]) => typeof target !== 'string' && target.types.includes('/adapters/'))
    .map(([entry]) => entry)
    .filter((entry) => entry !== './widget');
/** The file and all that it imports from the package. */
function closure(path: string, seen = new Set<string>()): Set<string> {
  if (seen.has(path)) return seen;
  seen.add(path);
  for (const [, name] of built.read(path).matchAll(/(?:from|import)\s*["'](\.\/[^"']+)["']/g)) {
    closure(join('dist', name as string), seen);
  }
  return seen;
}

beforeAll(async () => {
  built = await buildPackage();
  manifest = JSON.parse(built.read('package.json')) as typeof manifest;
});
afterAll(() => built.remove());

describe('the package', () => {
  it.each(['dist/symbolon.js', 'dist/symbolon.global.js'])(
    'has a core of at most 3 kB after brotli in %s',
    (file) => {
      expect([...closure(file)]).toEqual([file]);
      expect(bytesOf(built.read(file))).toBeLessThan(MAX_CORE_BYTES);
    },
  );

  it('has small adapters', () => {
    const sizes = adapters().map((entry) => {
      const code = [...closure(join(fileOf(entry)))].map((file) => built.read(file)).join('\n');
      return { entry, bytes: bytesOf(code) };
    });
    expect(sizes).toHaveLength(21);
    expect(sizes.filter(({ bytes }) => bytes > MAX_ADAPTER_BYTES)).toEqual([]);
  });

  it('runs under a policy without eval and inline code', () => {
    const scripts = built.files.filter((file) => file.endsWith('.js'));
    expect(scripts.length).toBeGreaterThan(25);
    const forbidden = /\beval\b|new Function|import\(|innerHTML|createElement|document\.write/;
    expect(scripts.filter((file) => forbidden.test(built.read(file)))).toEqual([]);
  });

  it('has no dependency, and asks for no other', () => {
    expect(manifest).not.toHaveProperty('dependencies');
    const foreign = built.files
      .filter((file) => file.endsWith('.js') && !file.includes('/react.'))
      .flatMap((file) =>
        [...built.read(file).matchAll(/from\s*["']([^."'][^"']*)["']/g)].map((match) => match[1]),
      );
    expect(foreign).toEqual([]);
  });

  it('passes publint', async () => {
    const { messages, pkg } = await publint({ pkgDir: built.folder, pack: false, strict: true });
    expect(messages.map((message) => formatMessage(message, pkg))).toEqual([]);
  });

  it('has types where every module resolver looks for them', async () => {
    const files = Object.fromEntries(
      built.files.map((file) => [`/node_modules/${manifest.name}/${file}`, built.read(file)]),
    );
    const result = await checkPackage(new Package(files, manifest.name, manifest.version), {
      excludeEntrypoints: SCRIPTS,
    });
    if (!result.types) throw new Error('no types were found');
    // An ES module package: old resolvers do not see its entries, and `require` gets a module.
    const problems = result.problems.filter(
      (problem) =>
        problem.kind !== 'CJSResolvesToESM' &&
        !('resolutionKind' in problem && problem.resolutionKind === 'node10'),
    );
    expect(problems).toEqual([]);
  });

  it('brings a page nothing that it does not use', async () => {
    const project = join(built.folder, 'project');
    mkdirSync(join(project, 'node_modules/@symbolon'), { recursive: true });
    symlinkSync(built.folder, join(project, 'node_modules/@symbolon/sdk-web'));
    const bundle = async (source: string) => {
      writeFileSync(join(project, 'page.js'), source);
      const output = await build({
        root: project,
        logLevel: 'silent',
        build: { write: false, lib: { entry: 'page.js', formats: ['es'], fileName: 'page' } },
      });
      return (Array.isArray(output) ? output : [output])
        .flatMap((part) => ('output' in part ? part.output : []))
        .map((part) => ('code' in part ? part.code : ''))
        .join('');
    };
    const importing = `import { createSymbolon } from '@symbolon/sdk-web';
      import { zendesk } from '@symbolon/sdk-web/zendesk';
      import { intercom } from '@symbolon/sdk-web/intercom';`;
    expect((await bundle(importing)).replaceAll(/\s/g, '')).toBe('');
    const used = await bundle(`${importing} zendesk(createSymbolon({ baseUrl: '', channel: 'z' }));`);
    expect(used).toContain('loginUser');
    expect(used).not.toContain('Intercom');
  });

  it('compiles for a TypeScript page in all its entries, with no types of a browser or of Node', () => {
    const project = join(built.folder, 'typed');
    mkdirSync(join(project, 'node_modules/@symbolon'), { recursive: true });
    symlinkSync(built.folder, join(project, 'node_modules/@symbolon/sdk-web'));
    const entries = Object.keys(manifest.exports).filter(
      (entry) => !SCRIPTS.includes(entry) && entry !== './react',
    );
    const lines = entries.map(
      (entry, at) => `import * as e${at} from '@symbolon/sdk-web${entry.slice(1)}'; void e${at};`,
    );
    writeFileSync(join(project, 'page.ts'), lines.join('\n'));
    const compilerOptions = {
      module: 'esnext',
      moduleResolution: 'bundler',
      target: 'es2022',
      lib: ['es2022'],
      types: [],
      strict: true,
      noEmit: true,
    };
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['page.ts'] }));
    const tsc = join(import.meta.dirname, '../../node_modules/typescript/bin/tsc');
    expect(execFileSync(process.execPath, [tsc, '-p', project], { encoding: 'utf8' })).toBe('');
  });
});

describe('the script-tag files', () => {
  it.each(['symbolon.global.js', 'symbolon.all.global.js'])('%s offers the global Symbolon', (file) => {
    const page = createContext({ console });
    runInContext(built.read(`dist/${file}`), page);
    const found = runInContext(
      `[typeof Symbolon.createSymbolon, typeof Symbolon.SymbolonError, typeof Symbolon.zendesk,
        Symbolon.createSymbolon({ baseUrl: 'http://127.0.0.1', channel: 'web' }).state(),
        new Symbolon.Symbolon({ baseUrl: 'http://127.0.0.1', channel: 'web' }).state()].join()`,
      page,
    ) as string;
    const adapter = file.includes('.all.') ? 'function' : 'undefined';
    expect(found).toBe(`function,function,${adapter},unknown,unknown`);
  });

  it('with all adapters has as many as the package', () => {
    const page = createContext({});
    runInContext(built.read('dist/symbolon.all.global.js'), page);
    const names = runInContext('Object.keys(Symbolon)', page) as string[];
    const core = ['Symbolon', 'SymbolonError', 'createSymbolon', 'attach'];
    const dashed = names
      .filter((name) => !core.includes(name))
      .map((name) => `./${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`);
    expect(dashed.sort()).toEqual(adapters().sort());
  });
});
