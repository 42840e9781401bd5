import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { configSchema } from '../../src/config/config.ts';
import { ENVIRONMENT_VARIABLES } from '../../src/config/environment.ts';
import { OWN_PATHS } from '../../src/config/name-rules.ts';
import { endpointContracts } from '../../src/http/openapi.ts';

const root = resolve(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const docs = read('docs/configuration.md');

/** First cells, in code style, of the table rows between two headings. */
function documented(from: string, to: string): string[] {
  const part = docs.slice(docs.indexOf(from), to === '' ? undefined : docs.indexOf(to));
  return [...part.matchAll(/^\| `([^`]+)` \|/gm)].map((match) => match[1] as string);
}

interface Definition {
  type: string;
  innerType?: Schema;
  in?: Schema;
  out?: Schema;
  shape?: Record<string, Schema>;
  element?: Schema;
  valueType?: Schema;
  options?: Schema[];
}
interface Schema {
  _zod: { def: Definition };
}

/** Every setting that a schema allows, as the documentation writes it. */
function settings(schema: Schema, path = ''): string[] {
  const { type, innerType, in: input, out, shape, element, valueType, options } = schema._zod.def;
  if (innerType) return settings(innerType, path);
  if (type === 'pipe')
    return settings(input?._zod.def.type === 'transform' ? (out as Schema) : (input as Schema), path);
  if (shape) {
    return Object.entries(shape).flatMap(([name, child]) =>
      settings(child, path === '' ? name : `${path}.${name}`),
    );
  }
  const inside = element ?? valueType;
  if (inside) {
    const nested = settings(inside, element ? `${path}[]` : `${path}.NAME`);
    const plain = nested.length === 1 && !nested[0]?.slice(path.length).replace(/^(\[\]|\.NAME)/, '');
    return plain ? [path] : nested;
  }
  if (options?.every((one) => one._zod.def.shape)) return options.flatMap((one) => settings(one, path));
  return [path];
}

describe('the configuration is documented', () => {
  it('every environment variable, in the manual and in the example file, and no other', () => {
    const variables = new Set<string>(ENVIRONMENT_VARIABLES);
    const example = [...read('.env.example').matchAll(/^([A-Z_]+)=/gm)].map((match) => match[1]);
    expect(new Set(documented('## Environment variables', '## Settings'))).toEqual(variables);
    expect(new Set(example)).toEqual(variables);
  });

  it('every environment variable that is named is also read', () => {
    const source = read('src/config/environment.ts');
    const used = [...source.matchAll(/named\('([A-Z_]+)'\)/g)].map((match) => match[1]);
    expect(new Set(used)).toEqual(new Set(ENVIRONMENT_VARIABLES));
  });

  it('every setting, and no other', () => {
    const known = [...new Set(settings(configSchema as unknown as Schema))].sort();
    expect(known.length).toBeGreaterThan(60);
    expect(documented('## Settings', '').sort()).toEqual(known);
  });
});

it('an alias can take the path of no public endpoint', () => {
  // A template, a dot at the beginning of a segment and the hash of the style sheet are nothing that an alias can be.
  const paths = endpointContracts()
    .filter(({ listener, path }) => listener === 'public' && /^[a-z_/-]+$/.test(path))
    .map(({ path }) => path);
  expect([...OWN_PATHS].sort()).toEqual([...new Set([...paths, '/docs'])].sort());
});
