// `node scripts/bundle-libraries.mjs [DIST]`: joins each library that comes as dozens or hundreds of small modules into
// one file beside the built code, which then imports that: a process starts sooner and keeps less in memory
// (docs/decisions/libraries-in-one-file.md). Whatever is not named here is imported from node_modules as ever.
import { cpSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const LIBRARIES = ['kysely', 'kysely/migration', 'zod', 'zod-openapi', 'yaml', 'jose', 'prom-client'];

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = resolve(process.argv[2] ?? join(root, 'dist'));
const folder = join(dist, 'libraries');

/** The file of a library; `kysely/migration` must not look like a file in the folder of `kysely`. */
const fileOf = (library) => `${library.replace('/', '.')}.js`;

/** What a library exports, name by name: a bundle of one that is CommonJS would have a default export alone. */
async function facadeOf(library) {
  const names = Object.keys(await import(library)).filter((name) => name !== 'default' && /^\w+$/.test(name));
  return `export { ${names.join(', ')} } from '${library}';`;
}

const FACADE = '\0facade:';
const bundle = await rolldown({
  cwd: root,
  platform: 'node',
  input: Object.fromEntries(LIBRARIES.map((library) => [fileOf(library).slice(0, -3), FACADE + library])),
  plugins: [
    {
      name: 'facades',
      resolveId: (id) => (id.startsWith(FACADE) ? id : undefined),
      load: (id) => (id.startsWith(FACADE) ? facadeOf(id.slice(FACADE.length)) : undefined),
    },
  ],
});
const { output } = await bundle.write({ dir: folder, format: 'esm', chunkFileNames: 'shared-[name].js' });

/** Folders of the packages that went into it, those among them that a library needs itself. */
const packages = new Set(
  output
    .flatMap(({ moduleIds = [] }) => moduleIds)
    .map((id) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id)?.[0])
    .filter((path) => path !== undefined),
);
for (const from of packages) {
  const name = from.slice(from.lastIndexOf('node_modules/') + 'node_modules/'.length).replace('/', '.');
  for (const licence of globSync('{licen[sc]e,LICEN[SC]E,NOTICE}*', { cwd: from }))
    cpSync(join(from, licence), join(folder, 'licences', `${name}.${licence}`));
}

const IMPORT = new RegExp(`(from |import\\()(['"])(${LIBRARIES.join('|')})\\2`, 'g');
for (const file of globSync('{src,demo}/**/*.js', { cwd: dist, exclude: ['demo/page/**'] })) {
  const text = readFileSync(join(dist, file), 'utf8');
  const bundled = text.replace(IMPORT, (_whole, before, quote, library) => {
    const path = relative(dirname(file), join('libraries', fileOf(library)));
    return before + quote + path + quote;
  });
  if (bundled !== text) writeFileSync(join(dist, file), bundled);
}
