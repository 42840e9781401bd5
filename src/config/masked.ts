import type { z } from 'zod';
import { type Config, configSchema } from './config.ts';
import { childSchema, isSecret, unwrap } from './schema-walk.ts';

const MASK = '********';

/** A second net under the schema's own marks: names that only ever hold secrets. */
const SECRET_NAMES = /(^|_)(secret|password|token|private_key|api_key)$/;

/** Free-form groups whose values belong to somebody else's interface: any of them may be a credential. */
const FOREIGN_GROUPS = new Set(['extra', 'parameters', 'settings']);

/** An address without user name, password and parameters (drivers take passwords there); otherwise as written. */
function maskedUrl(value: string): string {
  if (!URL.canParse(value)) return MASK;
  const url = new URL(value);
  if (url.username === '' && url.password === '' && url.search === '') return value;
  const user = url.username === '' && url.password === '' ? '' : `${MASK}@`;
  const parameters = url.search === '' ? '' : `?${MASK}`;
  return `${url.protocol}//${user}${url.host}${url.pathname}${parameters}`;
}

function hidden(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(hidden);
  if (value === undefined || value === null) return value;
  if (typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, hidden(item)]));
  }
  return MASK;
}

function mask(value: unknown, schema: z.core.$ZodType | undefined, name: string): unknown {
  if ((schema && isSecret(schema)) || FOREIGN_GROUPS.has(name)) return hidden(value);
  if (Array.isArray(value)) {
    return value.map((item, index) => mask(item, schema && childSchema(schema, value, index), ''));
  }
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [
        key,
        mask(item, schema && childSchema(schema, value, key), key),
      ]),
    );
  }
  if (typeof value !== 'string') return value;
  if (SECRET_NAMES.test(name)) return MASK;
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? maskedUrl(value) : value;
}

/** The effective configuration for people to read: every secret and every password in an address is masked. */
export function maskedConfig(config: Config): Record<string, unknown> {
  return mask(config, unwrap(configSchema), '') as Record<string, unknown>;
}
