import type { IncomingMessage } from 'node:http';

/** Headers that decide who somebody is or how the message is read. A second one of a name is refused, never merged. */
const SECURITY_HEADERS = new Set([
  'authorization',
  'api-key',
  'x-api-key',
  'x-timestamp',
  'x-api-signature',
  'signature',
  'signature-input',
  'content-digest',
  'content-type',
  'content-length',
  'content-encoding',
  'transfer-encoding',
  'host',
  'origin',
  'cookie',
  'x-symbolon-csrf',
]);

/**
 * The first security header that stands more than once in the request as sent. Node drops or joins repeats before
 * anybody sees them, so a proxy and we could otherwise act on different values; the raw list tells.
 */
export function repeatedSecurityHeader(req: IncomingMessage, customerAuthHeader: string): string | undefined {
  const { rawHeaders } = req;
  let names = 0;
  for (const _name in req.headers) names += 2;
  // Of a name that stands twice Node makes one: where none was lost there is no such name.
  if (names === rawHeaders.length) return undefined;
  let seen: string[] | undefined;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase();
    if (!SECURITY_HEADERS.has(name) && name !== customerAuthHeader) continue;
    if (seen?.includes(name)) return name;
    (seen ??= []).push(name);
  }
  return undefined;
}

/** The one value of a header; of a repeated one Node's choice, so call `repeatedSecurityHeader` first. */
export function header(req: IncomingMessage, name: string): string | undefined {
  const value = req.headers[name];
  return Array.isArray(value) ? value[0] : value;
}
