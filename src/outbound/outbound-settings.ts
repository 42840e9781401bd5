import { z } from 'zod';
import { secretSetting } from '../platform/settings.ts';

/** Headers that belong to the connection, to the body or to this service, never to the configuration. */
const RESERVED_HEADERS = new Set([
  'accept-encoding',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'expect',
  'host',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'traceparent',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'user-agent',
  'x-request-id',
]);

const FIELD_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/;
/** RFC 9110 field-value of visible ASCII: what every receiver reads back unchanged. */
const FIELD_VALUE = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;
const REQUEST_PATH = /^\/[\x21\x24-\x5b\x5d-\x7e\x23]*$/;

/** Whether a header carries this value unchanged: visible ASCII, no space at either end. */
export function isHeaderValue(value: string): boolean {
  return FIELD_VALUE.test(value);
}

/** Name of a request header that the configuration chooses; becomes lower case. */
export const headerNameSetting = z
  .string()
  .regex(FIELD_NAME, 'must be a header name')
  .refine((name) => !RESERVED_HEADERS.has(name.toLowerCase()), 'is a header that this service sets itself')
  .transform((name) => name.toLowerCase());

/** A secret that travels in a header. Others chose it, so that eight characters must do. */
export const headerSecretSetting = secretSetting({ minLength: 8 }).refine(
  isHeaderValue,
  'must be visible ASCII without a space at either end',
);

/** Path below a base URL, with or without query: starts with one slash and stays below. */
export const requestPathSetting = z
  .string()
  .max(1_024)
  .regex(REQUEST_PATH, 'must start with "/" and be encoded (no spaces, no backslash)')
  .refine((path) => !path.startsWith('//') && !path.includes('#'), 'must be a path without host and fragment')
  .refine((path) => !path.split('?')[0]?.split('/').some(isDotSegment), 'must hold no "." or ".." segment');

/** A segment that a server may resolve away, in any of its spellings (RFC 3986 section 5.2.4). */
export function isDotSegment(segment: string): boolean {
  return /^(\.|%2e){1,2}$/i.test(segment);
}

/**
 * Percent-encodes everything but RFC 3986's unreserved characters. `undefined` for what no encoding makes safe:
 * dot segments, control characters, broken surrogates.
 */
export function encodeSegment(value: string): string | undefined {
  if (value === '' || isDotSegment(value) || /\p{Cc}/u.test(value) || !value.isWellFormed()) return undefined;
  return encodeURIComponent(value).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
