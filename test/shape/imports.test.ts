import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');

/** The one order of rooms: a room imports only rooms to its left. */
const ORDER = [
  'platform',
  'errors',
  'audit',
  'keyring',
  'replay',
  'revocation',
  'limits',
  'identifiers',
  'signatures',
  'tokens',
  'sessions',
  'partners',
  'clients',
  'api-keys',
  'outbound',
  'connections',
  'authenticators',
  'channels',
  'backends',
  'customers',
  'oauth',
  'stores',
  'http',
  'config',
  'service',
  'cli',
  'main',
]; // prettier-ignore

/** Packages that only the named places may import. */
const PACKAGE_HOMES: Record<string, string[]> = {
  express: ['src/http/'],
  helmet: ['src/http/'],
  cors: ['src/http/'],
  'express-session': ['src/http/session-cookie.ts'],
  'connect-redis': ['src/http/session-cookie.ts'],
  '@opentelemetry/api': ['src/platform/tracing.ts'],
  axios: ['src/outbound/http-client.ts'],
  'node:sqlite': ['src/stores/', 'src/authenticators/sql/'],
  kysely: ['src/stores/'],
  redis: ['src/stores/'],
  pg: ['src/stores/', 'src/authenticators/sql/'],
  ldapts: ['src/authenticators/ldap/'],
  bcryptjs: ['src/authenticators/passwords/password-process.ts'],
  jose: [
    'src/tokens/',
    'src/clients/',
    'src/signatures/',
    'src/authenticators/',
    'src/channels/',
    'src/oauth/',
  ],
};

/** Rooms that another room must not import although they lie to its left. */
const FORBIDDEN: Record<string, string[]> = { http: ['stores', 'config'] };

interface Import {
  target: string;
  typeOnly: boolean;
}

function importsOf(text: string): Import[] {
  const code = text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/^\s*\/\/.*$/gm, '');
  const found: Import[] = [];
  for (const m of code.matchAll(
    /(?:^|\n)\s*(?:import|export)\s+(type\s+)?[^'"`;]*?from\s+['"]([^'"]+)['"]/g,
  )) {
    found.push({ target: m[2] as string, typeOnly: m[1] !== undefined });
  }
  for (const m of code.matchAll(/(?:^|\n)\s*import\s+['"]([^'"]+)['"]/g)) {
    found.push({ target: m[1] as string, typeOnly: false });
  }
  for (const m of code.matchAll(/\bimport\(\s*['"]([^'"]+)['"]\s*\)/g)) {
    found.push({ target: m[1] as string, typeOnly: false });
  }
  return found;
}

function roomOf(path: string): string | undefined {
  const match = /^src\/([^/]+?)(?:\.ts)?(?:\/|$)/.exec(path);
  return match?.[1];
}

/** Every breach of the import rules that the file `path` with the content `text` commits. */
function breaches(path: string, text: string): string[] {
  const found: string[] = [];
  const room = roomOf(path);
  for (const { target, typeOnly } of importsOf(text)) {
    if (target.startsWith('.')) {
      const resolved = relative(root, resolve(root, dirname(path), target));
      const targetRoom = roomOf(resolved);
      if (room === undefined) {
        if (path.startsWith('demo/') && targetRoom && !['service', 'config'].includes(targetRoom)) {
          found.push(`${path}: demo may import service and config, not ${resolved}`);
        }
        if ((path.startsWith('sdk-web/') || path.startsWith('console/')) && targetRoom) {
          found.push(`${path}: imports nothing of src, but ${resolved}`);
        }
        continue;
      }
      if (targetRoom === undefined) {
        // The demo is loaded dynamically by its command alone.
        if (!(resolved.startsWith('demo/') && path === 'src/cli/demo.ts'))
          found.push(`${path}: leaves src for ${resolved}`);
        continue;
      }
      const from = ORDER.indexOf(room);
      const to = ORDER.indexOf(targetRoom);
      if (from < 0 || to < 0) found.push(`${path}: unknown room in ${room} → ${targetRoom}`);
      else if (to > from) found.push(`${path}: ${room} imports ${targetRoom}, which lies to its right`);
      if (FORBIDDEN[room]?.includes(targetRoom)) found.push(`${path}: ${room} may not import ${targetRoom}`);
      if (room === 'stores' && !['stores', 'platform', 'errors'].includes(targetRoom) && !typeOnly) {
        found.push(`${path}: stores may take only types from ${targetRoom}`);
      }
      continue;
    }
    for (const [name, homes] of Object.entries(PACKAGE_HOMES)) {
      if (target !== name && !target.startsWith(`${name}/`)) continue;
      if (path.startsWith('src/') && !homes.some((home) => path.startsWith(home))) {
        found.push(`${path}: ${name} lives in ${homes.join(', ')} and nowhere else`);
      }
    }
  }
  if (path.startsWith('src/') && room !== 'config' && /\bprocess\.env\b/.test(text)) {
    found.push(`${path}: only config reads the environment`);
  }
  return found;
}

const files = ['src/**/*.ts', 'demo/**/*.ts', 'sdk-web/src/**/*.ts', 'console/src/**/*.ts']
  .flatMap((pattern) => globSync(pattern, { cwd: root }))
  .filter((path) => !path.includes('node_modules'))
  .sort();

describe('the order of rooms', () => {
  it('holds for every file', () => {
    expect(files.length).toBeGreaterThan(5);
    expect(files.flatMap((path) => breaches(path, readFileSync(join(root, path), 'utf8')))).toEqual([]);
  });

  it('names only rooms that may exist', () => {
    const rooms = new Set(files.map(roomOf).filter((room) => room !== undefined));
    expect([...rooms].filter((room) => !ORDER.includes(room))).toEqual([]);
    expect(existsSync(join(root, 'src/errors.ts'))).toBe(true);
  });

  it.each([
    ['a room to the right', 'src/tokens/x.ts', "import { a } from '../channels/channel.ts';"],
    ['a type of a room to the right', 'src/tokens/x.ts', "import type { A } from '../channels/channel.ts';"],
    ['a re-export of a room to the right', 'src/tokens/x.ts', "export * from '../oauth/metadata.ts';"],
    ['a dynamic import', 'src/tokens/x.ts', "const a = await import('../http/app.ts');"],
    ['an import over several lines', 'src/tokens/x.ts', "import {\n  a,\n  b,\n} from '../http/app.ts';"],
    [
      'a value in stores',
      'src/stores/sql/x.ts',
      "import { deriveIdentifier } from '../../identifiers/identifier.ts';",
    ],
    ['stores in http', 'src/http/x.ts', "import type { A } from '../stores/sql/database.ts';"],
    ['express outside http', 'src/oauth/x.ts', "import express from 'express';"],
    ['express-session elsewhere in http', 'src/http/x.ts', "import session from 'express-session';"],
    ['a database driver', 'src/customers/x.ts', "import { DatabaseSync } from 'node:sqlite';"],
    ['the environment', 'src/http/x.ts', 'const port = process.env.PORT;'],
    ['src in the SDK', 'sdk-web/src/x.ts', "import type { A } from '../../src/errors.ts';"],
    ['the demo in src', 'src/service.ts', "import { startDemo } from '../demo/start.ts';"],
    ['an inner room in the demo', 'demo/x.ts', "import { createLogger } from '../src/platform/logger.ts';"],
  ])('refuses %s', (_what, path, text) => {
    expect(breaches(path, text)).not.toEqual([]);
  });
});
