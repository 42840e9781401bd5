import type { Request } from 'express';
import { BridgeError } from '../errors.ts';
import { decodeUtf8 } from '../platform/encoding.ts';
import { repeatsMember } from '../platform/json-members.ts';

export const MAX_BODY_BYTES = 65_536;
const MAX_FORM_FIELDS = 50;
/** How much of an oversized upload is read and thrown away so that the sender gets to see our answer. */
const MAX_DISCARDED_BYTES = 32 * 1_048_576;

const FORM_TYPE = 'application/x-www-form-urlencoded';
const JSON_TYPE = 'application/json';

export type BodyType = 'form' | 'json' | 'none';

/**
 * Reads the raw bytes of a body, at most `maxBytes`. The bytes are what signatures cover, so they are captured here,
 * once, before anything is parsed. Throws `BODY_TOO_LARGE`, `UNSUPPORTED_MEDIA_TYPE` (compressed) or, when the
 * sender stopped half-way, `INVALID_REQUEST`.
 */
export function readBody(req: Request, maxBytes: number): Promise<Buffer> {
  const encoding = req.headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    discard(req);
    return Promise.reject(new BridgeError('UNSUPPORTED_MEDIA_TYPE'));
  }
  if (Number(req.headers['content-length'] ?? 0) > maxBytes) {
    discard(req);
    return Promise.reject(new BridgeError('BODY_TOO_LARGE', { details: { max_bytes: maxBytes } }));
  }
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    req.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= maxBytes) {
        chunks.push(chunk);
        return;
      }
      reject(new BridgeError('BODY_TOO_LARGE', { details: { max_bytes: maxBytes } }));
      chunks.length = 0;
      if (bytes > MAX_DISCARDED_BYTES) req.destroy();
    });
    let ended = false;
    req.on('end', () => {
      ended = true;
      resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks));
    });
    const cutShort = () => {
      if (!ended) reject(new BridgeError('INVALID_REQUEST', { message: 'The body was cut short.' }));
    };
    req.on('error', cutShort);
    req.on('close', cutShort);
  });
}

function discard(req: Request): void {
  let bytes = 0;
  req.on('error', () => {});
  req.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MAX_DISCARDED_BYTES) req.destroy();
  });
}

/**
 * The type of a body: its media type must be exactly one that we read, in UTF-8. Without bytes there is no body, whatever
 * type is named: many clients name one with every call.
 */
export function bodyType(req: Request, body: Buffer, accepted: readonly BodyType[]): BodyType {
  if (body.length === 0 && accepted.includes('none')) return 'none';
  const header = req.headers['content-type'];
  if (header === undefined) throw new BridgeError('UNSUPPORTED_MEDIA_TYPE');
  if (header === JSON_TYPE && accepted.includes('json')) return 'json';
  if (header === FORM_TYPE && accepted.includes('form')) return 'form';
  const [media = '', ...parameters] = header.split(';').map((part) => part.trim().toLowerCase());
  for (const parameter of parameters) {
    const [name, value] = parameter.split('=');
    if (name === 'charset' && value !== 'utf-8' && value !== '"utf-8"' && value !== 'utf8') {
      throw new BridgeError('UNSUPPORTED_MEDIA_TYPE');
    }
  }
  if (media === FORM_TYPE && accepted.includes('form')) return 'form';
  if (media === JSON_TYPE && accepted.includes('json')) return 'json';
  throw new BridgeError('UNSUPPORTED_MEDIA_TYPE');
}

/** Parses a JSON object; repeated members are refused, because two readers could take different ones. */
export function parseJsonObject(body: Buffer): Record<string, unknown> {
  const text = decodeUtf8(body);
  if (text === undefined)
    throw new BridgeError('INVALID_REQUEST', { message: 'The body is not valid UTF-8.' });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new BridgeError('INVALID_REQUEST', { message: 'The body is not valid JSON.' });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new BridgeError('INVALID_REQUEST', { message: 'The body must be a JSON object.' });
  }
  if (repeatsMember(text, value)) {
    throw new BridgeError('INVALID_REQUEST', { message: 'A member stands twice in the body.' });
  }
  return value as Record<string, unknown>;
}

/**
 * Parses form-encoded text strictly (WHATWG URL, application/x-www-form-urlencoded): broken escapes, repeated and
 * bracketed names are refused, nothing is nested. Names are own members of an object without a prototype.
 */
export function parseForm(text: string): Record<string, string> {
  const fields: Record<string, string> = Object.create(null) as Record<string, string>;
  if (text === '') return fields;
  const pairs = text.split('&');
  if (pairs.length > MAX_FORM_FIELDS)
    throw new BridgeError('INVALID_REQUEST', { message: 'Too many parameters.' });
  for (const pair of pairs) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const name = decodePart(equals < 0 ? pair : pair.slice(0, equals));
    const value = decodePart(equals < 0 ? '' : pair.slice(equals + 1));
    // A byte order mark would make another name of the first one, and what it stands for would be missed.
    if (name.startsWith('\uFEFF'))
      throw new BridgeError('INVALID_REQUEST', { message: 'A byte order mark is not taken.' });
    if (/[[\]]/.test(name))
      throw new BridgeError('INVALID_REQUEST', { message: 'Bracketed parameters are not taken.' });
    if (name in fields) throw new BridgeError('INVALID_REQUEST', { message: 'A parameter is repeated.' });
    fields[name] = value;
  }
  return fields;
}

function decodePart(part: string): string {
  if (!part.includes('%') && !part.includes('+')) return part;
  try {
    return decodeURIComponent(part.replaceAll('+', ' '));
  } catch {
    throw new BridgeError('INVALID_REQUEST', { message: 'A parameter is not valid percent-encoded UTF-8.' });
  }
}

/** The query of a request, parsed as strictly as a form. */
export function parseQuery(req: Request): Record<string, string> {
  const mark = req.url.indexOf('?');
  return mark < 0 ? parseForm('') : parseForm(req.url.slice(mark + 1));
}

/** Reads and parses a body of one of the accepted types; `{}` for none. */
export async function readFields(
  req: Request,
  accepted: readonly BodyType[],
  maxBytes = MAX_BODY_BYTES,
): Promise<Record<string, unknown>> {
  const body = await readBody(req, maxBytes);
  return parseFields(body, bodyType(req, body, accepted));
}

export function parseFields(body: Buffer, type: BodyType): Record<string, unknown> {
  switch (type) {
    case 'none':
      return {};
    case 'json':
      return parseJsonObject(body);
    case 'form': {
      const text = decodeUtf8(body);
      if (text === undefined)
        throw new BridgeError('INVALID_REQUEST', { message: 'The body is not valid UTF-8.' });
      return parseForm(text);
    }
  }
}
