import { globSync } from 'node:fs';
import { basename } from 'node:path';
import { defineConfig } from 'vite';

/** Files of `src/adapters` that are parts of adapters. */
const PARTS = ['intercom-boot', 'page', 'patience', 'widget'];

/** Name of each entry of the package and the file that it is made of. */
export function entries(): Record<string, string> {
  const adapters = globSync('src/adapters/*.ts', { cwd: import.meta.dirname })
    .map((path) => ({ name: basename(path, '.ts'), path }))
    .filter(({ name }) => !PARTS.includes(name))
    .map(({ name, path }) => [name, path]);
  return {
    symbolon: 'src/index.ts',
    'refresh-token': 'src/refresh-token.ts',
    widget: 'src/adapters/widget.ts',
    react: 'src/react.ts',
    ...(Object.fromEntries(adapters) as Record<string, string>),
  };
}

/**
 * The modules of the package by default; with `--mode script` the script-tag file of the core and with
 * `--mode script-all` that of the core with all adapters, both as the global `Symbolon`. None needs eval or inline code.
 */
export default defineConfig(({ mode }) => {
  const script = { script: 'src/index.ts', 'script-all': 'src/script-all.ts' }[mode];
  return {
    build: {
      target: 'es2022',
      outDir: 'dist',
      emptyOutDir: script === undefined,
      lib: script
        ? {
            entry: script,
            name: 'Symbolon',
            formats: ['iife'],
            fileName: () => (mode === 'script' ? 'symbolon.global.js' : 'symbolon.all.global.js'),
          }
        : { entry: entries(), formats: ['es'], fileName: (_format, name) => `${name}.js` },
      rolldownOptions: {
        external: ['react'],
        output: { minify: true, generatedCode: { symbols: false } },
      },
    },
  };
});
