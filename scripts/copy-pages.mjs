// Copies into dist what tsc does not: the demo's page and the files of the API reference pages, with their licence.
import { cpSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
cpSync(join(root, 'demo/page'), join(root, 'dist/demo/page'), { recursive: true });

const from = join(root, 'node_modules/swagger-ui-dist');
const to = join(root, 'dist/swagger-ui');
mkdirSync(to, { recursive: true });
for (const name of [
  'swagger-ui-bundle.js',
  'swagger-ui-bundle.js.LICENSE.txt',
  'swagger-ui.css',
  'LICENSE',
  'NOTICE',
]) {
  cpSync(join(from, name), join(to, name));
}
