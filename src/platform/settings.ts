import { z } from 'zod';

/** A placeholder word, alone or again and again, with digits or punctuation between and around. */
const PLACEHOLDERS =
  /^[\d\W_]*((change[-_ ]?(me|it|this)|secret|passw(or)?d|example|placeholder|todo|test|demo|default|admin|token|key|x{3,})[\d\W_]*)+$/i;
const TEMPLATES = /^(your[-_ ].*|<.*>|\$\{.*\})$/i;

/**
 * A secret in the configuration. Refuses weak and placeholder values by name, never by value; marked so that the
 * effective configuration is printed with it masked.
 */
export function secretSetting(options: { minLength?: number } = {}) {
  const minLength = options.minLength ?? 16;
  return z
    .string()
    .min(minLength, `must be random, ${minLength} characters or more`)
    .refine(
      (value) => !PLACEHOLDERS.test(value.trim()) && !TEMPLATES.test(value.trim()),
      'is a placeholder; set a real secret',
    )
    .refine((value) => new Set(value).size > 4, 'is too regular to be a secret')
    .meta({ secret: true });
}

/** A web origin exactly as a browser writes it in the `Origin` header. */
export const originSetting = z.string().refine((value) => {
  try {
    return (
      new URL(value).origin === value && /^https?:$/.test(new URL(value).protocol) && !value.includes('*')
    );
  } catch {
    return false;
  }
}, 'must be an origin such as https://www.example.com, without path, trailing slash or wildcard');

/** An absolute http or https address without user info. */
export const urlSetting = z.string().refine((value) => {
  try {
    const url = new URL(value);
    return /^https?:$/.test(url.protocol) && url.username === '' && url.password === '' && url.hash === '';
  } catch {
    return false;
  }
}, 'must be an absolute http or https address without user name, password or fragment');

/** Name of a channel, group, space, partner, backend or connection. */
export const nameSetting = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9._-]{0,63}$/,
    'must be 1 to 64 of a-z, 0-9, ".", "_", "-", starting with a letter or digit',
  );
