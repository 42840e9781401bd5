import { z } from 'zod';
import { isJsonObject } from '../platform/json-object.ts';
import { configSchema } from './config.ts';
import { unwrap } from './schema-walk.ts';

type Node = Record<string, unknown>;

const PLACEHOLDER = { type: 'string', pattern: '\\$\\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\\}|^file:.' };

const SCALARS = new Set(['string', 'number', 'integer', 'boolean']);

/** Any single value may be written as `${NAME}` or `file:PATH` instead. */
function withPlaceholders(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(withPlaceholders);
  if (!isJsonObject(node)) return node;
  const { description, default: preset, ...rest } = node;
  const isScalar = SCALARS.has(rest['type'] as string) || 'enum' in rest;
  const described = {
    ...(description !== undefined && { description }),
    ...(preset !== undefined && { default: preset }),
  };
  if (isScalar) return { ...described, anyOf: [rest, PLACEHOLDER] };
  const mapped = Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, inner(name, value)]));
  return { ...described, ...mapped };
}

/** `required`, `const` and the like are no schemas; members of `properties` are. */
function inner(name: string, value: unknown): unknown {
  if (name === 'properties' && isJsonObject(value)) {
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, withPlaceholders(one)]));
  }
  return ['items', 'additionalProperties', 'anyOf', 'oneOf', 'allOf'].includes(name)
    ? withPlaceholders(value)
    : value;
}

/**
 * JSON Schema (2020-12) of the configuration file, for editors: names, types and defaults as they may be written. What
 * it accepts may still be refused: rules between settings are the service's own, see `symbolon doctor`.
 */
export function configJsonSchema(): Node {
  const schema = z.toJSONSchema(unwrap(configSchema) as z.ZodType, {
    io: 'input',
    unrepresentable: 'any',
    reused: 'inline',
  }) as Node;
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Symbolon configuration',
    ...(withPlaceholders({ ...schema, $schema: undefined }) as Node),
  };
}
