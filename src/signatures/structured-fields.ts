/**
 * The part of Structured Field Values (RFC 9651) that HTTP message signatures need: dictionaries whose members are
 * inner lists or items, with parameters. Strict: what the RFC would let a later duplicate overwrite is refused.
 */
export type BareItem = string | number | boolean | Buffer | Token;

/** A token, told apart from a string. */
export interface Token {
  token: string;
}

export type Parameters = ReadonlyMap<string, BareItem>;

export interface Item {
  value: BareItem;
  parameters: Parameters;
}

export interface InnerList {
  items: Item[];
  parameters: Parameters;
}

export type Member = Item | InnerList;

class Malformed extends Error {}

const KEY = /[a-z*][a-z0-9_.*-]*/y;
const INTEGER = /-?\d{1,15}(?![\d.])/y;
const STRING = /"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"/y;
const TOKEN = /[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*/y;
const BYTES = /:([A-Za-z0-9+/]*={0,2}):/y;
const SPACES = / */y;
const OPTIONAL_SPACE = /[ \t]*/y;

/** Reads one text from its start; every method throws `Malformed`. */
function createReader(text: string) {
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (!match) return undefined;
    at = pattern.lastIndex;
    return match;
  };
  const need = (pattern: RegExp): RegExpExecArray => {
    const match = take(pattern);
    if (!match) throw new Malformed();
    return match;
  };
  const accept = (character: string): boolean => {
    if (text[at] !== character) return false;
    at++;
    return true;
  };

  const bytes = (): Buffer => {
    const written = need(BYTES)[1] as string;
    const value = Buffer.from(written, 'base64');
    if (value.toString('base64') !== written) throw new Malformed();
    return value;
  };
  const bareItem = (): BareItem => {
    switch (text[at]) {
      case '"':
        return (need(STRING)[1] as string).replaceAll(/\\(["\\])/g, '$1');
      case ':':
        return bytes();
      case '?': {
        const value = text.slice(at, at + 2);
        if (value !== '?0' && value !== '?1') throw new Malformed();
        at += 2;
        return value === '?1';
      }
      default: {
        const integer = take(INTEGER);
        return integer ? Number(integer[0]) : { token: need(TOKEN)[0] };
      }
    }
  };
  const parameters = (): Parameters => {
    const found = new Map<string, BareItem>();
    while (accept(';')) {
      need(SPACES);
      const key = need(KEY)[0];
      if (found.has(key)) throw new Malformed();
      found.set(key, accept('=') ? bareItem() : true);
    }
    return found;
  };
  const item = (): Item => ({ value: bareItem(), parameters: parameters() });
  const innerList = (): InnerList => {
    const items: Item[] = [];
    for (;;) {
      need(SPACES);
      if (accept(')')) return { items, parameters: parameters() };
      items.push(item());
      if (text[at] !== ' ' && text[at] !== ')') throw new Malformed();
    }
  };
  const member = (): Member => (accept('(') ? innerList() : item());
  return { accept, need, take, member, parameters, atEnd: () => at === text.length };
}

/** Reads a dictionary (RFC 9651 section 4.2.2); `undefined` when it is malformed or names a member twice. */
export function parseDictionary(text: string): Map<string, Member> | undefined {
  const reader = createReader(text.trim());
  const members = new Map<string, Member>();
  try {
    while (!reader.atEnd()) {
      const key = reader.need(KEY)[0];
      if (members.has(key)) return undefined;
      members.set(
        key,
        reader.accept('=') ? reader.member() : { value: true, parameters: reader.parameters() },
      );
      reader.need(OPTIONAL_SPACE);
      if (reader.atEnd()) return members;
      if (!reader.accept(',')) return undefined;
      reader.need(OPTIONAL_SPACE);
      if (reader.atEnd()) return undefined;
    }
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
  return members;
}

/** Writes an item without its parameters (RFC 9651 section 4.1.3.1). Strings must be visible ASCII and spaces. */
export function serializeBareItem(value: BareItem): string {
  if (typeof value === 'string') return `"${value.replaceAll(/["\\]/g, '\\$&')}"`;
  if (typeof value === 'number') return String(value);
  if (typeof value === 'boolean') return value ? '?1' : '?0';
  if (Buffer.isBuffer(value)) return `:${value.toString('base64')}:`;
  return value.token;
}

function serializeParameters(parameters: Parameters): string {
  let text = '';
  for (const [name, value] of parameters) {
    text += value === true ? `;${name}` : `;${name}=${serializeBareItem(value)}`;
  }
  return text;
}

/** Writes an inner list with its parameters (RFC 9651 section 4.1.1.1). */
export function serializeInnerList(list: InnerList): string {
  const items = list.items.map(
    (item) => serializeBareItem(item.value) + serializeParameters(item.parameters),
  );
  return `(${items.join(' ')})${serializeParameters(list.parameters)}`;
}
