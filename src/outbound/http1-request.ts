import type { OutboundRequest } from './outbound-types.ts';

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** RFC 9110 section 5.5, in the bytes of Latin-1: what a line break in a value would turn into a second header. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const TARGET = /^[\x21-\x7e\x80-\xff]+$/;
/** We ask for no content coding, and say who we are, whatever the caller set. */
const CONSTANT = 'accept-encoding: identity\r\nuser-agent: symbolon\r\n';
const REPLACED: ReadonlySet<string> = new Set(['accept-encoding', 'user-agent']);
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

/** What becomes of the headers that a caller set, by their names as written; bounded. */
const knownNames = new Map<string, 'sent' | 'replaced'>();
const MAX_KNOWN_NAMES = 500;

/** `undefined`: no header that a caller may set. */
function fateOf(name: string): 'sent' | 'replaced' | undefined {
  const known = knownNames.get(name);
  if (known !== undefined) return known;
  const lower = name.toLowerCase();
  if (!TOKEN.test(name) || OURS.has(lower)) return undefined;
  const fate = REPLACED.has(lower) ? 'replaced' : 'sent';
  if (knownNames.size < MAX_KNOWN_NAMES) knownNames.set(name, fate);
  return fate;
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
    if (value === undefined) continue;
    const fate = fateOf(name);
    if (fate === 'replaced') continue;
    if (fate === undefined || !VALUE.test(value)) return undefined;
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
