import type { z } from 'zod';

type Schema = z.core.$ZodType;

interface Definition {
  type: string;
  innerType?: Schema;
  in?: Schema;
  out?: Schema;
  shape?: Record<string, Schema>;
  element?: Schema;
  valueType?: Schema;
  options?: Schema[];
  discriminator?: string;
  values?: unknown[];
}

const definition = (schema: Schema) => schema._zod.def as unknown as Definition;

/** Whether a schema, or what it wraps, is marked as holding a secret. */
export function isSecret(schema: Schema): boolean {
  const meta = (schema as z.ZodType).meta?.() as { secret?: boolean } | undefined;
  if (meta?.secret) return true;
  const { innerType, type, in: input, out } = definition(schema);
  if (innerType) return isSecret(innerType);
  if (type === 'pipe')
    return (input !== undefined && isSecret(input)) || (out !== undefined && isSecret(out));
  return false;
}

/** The schema without what only wraps it: defaults, optionality, transformations. */
export function unwrap(schema: Schema): Schema {
  const { innerType, type, in: input, out } = definition(schema);
  if (innerType) return unwrap(innerType);
  if (type === 'pipe') {
    const before = input && unwrap(input);
    return before && definition(before).type !== 'transform' ? before : unwrap(out as Schema);
  }
  return schema;
}

function memberFor(options: readonly Schema[], discriminator: string, value: unknown): Schema | undefined {
  const wanted =
    value !== null && typeof value === 'object'
      ? (value as Record<string, unknown>)[discriminator]
      : undefined;
  return options.find((option) => {
    const named = definition(unwrap(option)).shape?.[discriminator];
    return named !== undefined && definition(unwrap(named)).values?.includes(wanted);
  });
}

/** Of a union of one kind of object and other things, that object. */
function onlyObject(options: readonly Schema[], value: unknown): Schema | undefined {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return undefined;
  const objects = options.filter((option) => definition(unwrap(option)).shape);
  return objects.length === 1 ? objects[0] : undefined;
}

/** The object schema that describes `value`, picking the member of a union by its discriminator. */
function objectShape(schema: Schema, value: unknown): Record<string, Schema> | undefined {
  const inner = unwrap(schema);
  const { shape, options, discriminator } = definition(inner);
  if (shape) return shape;
  if (!options) return undefined;
  const member = discriminator ? memberFor(options, discriminator, value) : onlyObject(options, value);
  return member && objectShape(member, value);
}

/** The schema of one member of `value`; `undefined` when the schema does not say. */
export function childSchema(schema: Schema, value: unknown, key: PropertyKey): Schema | undefined {
  const shape = objectShape(schema, value);
  if (shape) return Object.hasOwn(shape, key) ? shape[key as string] : undefined;
  const { element, valueType } = definition(unwrap(schema));
  return element ?? valueType;
}

/** Names of the settings that may stand at `path`, given the whole `value` that was written. */
export function knownSettings(schema: Schema, value: unknown, path: readonly PropertyKey[]): string[] {
  let at: Schema | undefined = schema;
  let current = value;
  for (const step of path) {
    at = at && childSchema(at, current, step);
    current = (current as Record<PropertyKey, unknown> | undefined)?.[step];
  }
  const shape = at && objectShape(at, current);
  return shape ? Object.keys(shape) : [];
}
