/**
 * The API reference: a page of swagger-ui over the committed description of a listener. It loads nothing from
 * elsewhere, and calls that are tried on it go to the listener that serves it and nowhere else.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { findPackageJSON } from 'node:module';
import { dirname, join } from 'node:path';
import { parse } from 'yaml';
import { sendBytes } from '../answer.ts';
import type { Endpoint } from '../endpoint.ts';

const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join(';');

const page = (title: string) => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<noscript><p>This page needs JavaScript. The description itself is at <a href="docs/openapi.json">docs/openapi.json</a>.</p></noscript>
<div id="reference"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script type="module" src="docs/reference.js"></script>
</body>
</html>
`;

/** Runs in the browser. The page's own address, not the description, says where calls go. */
const SCRIPT = `const spec = await (await fetch('docs/openapi.json')).json();
const own = spec.servers?.[0]?.url;
for (const item of Object.values(spec.paths)) {
  if (item.servers?.some(({ url }) => url === own)) delete item.servers;
}
spec.servers = [{ url: location.origin + location.pathname.replace(/\\/docs$/, '') }];
SwaggerUIBundle({
  spec,
  domNode: document.getElementById('reference'),
  presets: [SwaggerUIBundle.presets.apis],
  layout: 'BaseLayout',
  deepLinking: true,
  docExpansion: 'list',
  defaultModelsExpandDepth: 0,
  validatorUrl: null,
  persistAuthorization: false,
});
`;

/** Cached by browsers for an hour; the page and its description always come fresh. */
const CACHED = 'public, max-age=3600';

interface Served {
  type: string;
  body: Buffer;
  headers?: Record<string, string>;
}

/** Reads once, when it is first asked for. */
function once<T>(read: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined;
  return () => {
    result ??= read().catch((error: unknown) => {
      result = undefined;
      throw error;
    });
    return result;
  };
}

/** The file's place under the first folder that has it. */
function findFile(folders: readonly string[], name: string): string | undefined {
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

interface ReferenceFiles {
  bundle: string;
  styles: string;
  description: string;
}

/** Where this program is installed: the folder of its package.json. */
function installation(): string {
  const packageFile = findPackageJSON('..', import.meta.url);
  return packageFile === undefined ? '.' : dirname(packageFile);
}

/** A package carries the files of swagger-ui in `dist`, a clone has them among its dependencies. */
function findFiles(description: string, root: string): ReferenceFiles | undefined {
  const folders = [join(root, 'dist/swagger-ui'), join(root, 'node_modules/swagger-ui-dist')];
  const found = {
    bundle: findFile(folders, 'swagger-ui-bundle.js'),
    styles: findFile(folders, 'swagger-ui.css'),
    description: findFile([root], description),
  };
  return Object.values(found).includes(undefined) ? undefined : (found as ReferenceFiles);
}

const DOCUMENTS = {
  public: { file: 'openapi.yaml', title: 'Symbolon API reference' },
  admin: { file: 'openapi-admin.yaml', title: 'Symbolon administration reference' },
} as const;

/** Whether a path belongs to the reference pages, which need no admin token. */
export function isReferencePath(path: string): boolean {
  return path === '/docs' || path.startsWith('/docs/');
}

/**
 * The pages under `/docs`; none when their files are not below `root` (default: where this program is installed), so
 * that the address is unknown like any other.
 */
export function referenceEndpoints(listener: keyof typeof DOCUMENTS, root = installation()): Endpoint[] {
  const { file, title } = DOCUMENTS[listener];
  const files = findFiles(file, root);
  if (!files) return [];
  const endpoint = (path: string, serve: () => Promise<Served>): Endpoint => ({
    contract: {
      listener,
      method: 'get',
      path,
      operationId: `reference ${path}`,
      tag: 'Reference',
      summary: 'A file of the API reference page',
      responses: { 200: { description: 'The file' } },
    },
    handle: async (_req, res) => {
      const { type, body, headers } = await serve();
      sendBytes(res, 200, { type: `${type}; charset=utf-8`, body }, headers);
    },
  });
  const fixed = (type: string, text: string, headers?: Record<string, string>) => {
    const served = { type, body: Buffer.from(text), ...(headers ? { headers } : {}) };
    return async () => served;
  };
  const asset = (type: string, path: string) =>
    once(async () => ({ type, body: await readFile(path), headers: { 'cache-control': CACHED } }));
  return [
    endpoint('/docs', fixed('text/html', page(title), { 'content-security-policy': PAGE_POLICY })),
    endpoint('/docs/reference.js', fixed('text/javascript', SCRIPT)),
    endpoint('/docs/swagger-ui-bundle.js', asset('text/javascript', files.bundle)),
    endpoint('/docs/swagger-ui.css', asset('text/css', files.styles)),
    endpoint(
      '/docs/openapi.json',
      once(async () => {
        const description: unknown = parse(await readFile(files.description, 'utf8'));
        return { type: 'application/json', body: Buffer.from(JSON.stringify(description)) };
      }),
    ),
  ];
}
