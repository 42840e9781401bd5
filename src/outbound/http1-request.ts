import type { OutboundRequest } from './outbound-types.ts';

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** RFC 9110 section 5.5, in the bytes of Latin-1: what a line break in a value would turn into a second header. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const TARGET = /^[\x21-\x7e\x80-\xff]+$/;
/** We ask for no content coding, and say who we are, whatever the caller set. */
const CONSTANT = 'accept-encoding: identity\r\nuser-agent: symbolon\r\n';
const PASSED_OVER: ReadonlySet<string> = new Set(['accept-encoding', 'user-agent']);
/** What says where the message ends and what becomes of the connection is ours alone to say. */
const OURS: ReadonlySet<string> = new Set([
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'keep-alive',
  'upgrade',
  'expect',
  'te',
  'trailer',
]);

/** Names that were found to be header names that a caller may set; bounded. */
const knownNames = new Set<string>();
const MAX_KNOWN_NAMES = 500;

function mayBeSet(name: string): boolean {
  if (knownNames.has(name)) return true;
  if (!TOKEN.test(name) || OURS.has(name.toLowerCase())) return false;
  if (knownNames.size < MAX_KNOWN_NAMES) knownNames.add(name);
  return true;
}

/**
 * A request as it goes over the wire (RFC 9112 section 3), in one piece; `undefined` when a header or the path cannot be
 * sent as it is.
 */
export function encodeRequest(host: string, request: OutboundRequest): string | Buffer | undefined {
  const { method, path, headers, body } = request;
  if (!TARGET.test(path)) return undefined;
  let head = `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: keep-alive\r\n${CONSTANT}`;
  for (const name in headers) {
    const value = headers[name];
    if (value === undefined || PASSED_OVER.has(name)) continue;
    if (!mayBeSet(name) || !VALUE.test(value)) return undefined;
    head += `${name}: ${value}\r\n`;
  }
  if (body === undefined) {
    // RFC 9110 section 8.6: a method that usually has a body says that there is none.
    return `${head}${method === 'GET' || method === 'DELETE' ? '' : 'content-length: 0\r\n'}\r\n`;
  }
  const bytes = Buffer.byteLength(body);
  head += `content-length: ${bytes}\r\n\r\n`;
  const whole = Buffer.allocUnsafe(head.length + bytes);
  whole.write(head, 'latin1');
  if (typeof body === 'string') whole.write(body, head.length, 'utf8');
  else body.copy(whole, head.length);
  return whole;
}
