import type { JsonValue, ValueSource } from './channel-profile.ts';

/** The parts of an authorization code that was issued for a vendor. */
export interface CodeParts {
  code: string;
  redirect_uri: string;
  code_verifier?: string | undefined;
  nonce?: string | undefined;
  issuer: string;
}

/** What values are made of. Times are whole Unix seconds. */
export interface ValueFacts {
  identifier: string;
  attributes: Readonly<Record<string, JsonValue>>;
  settings: Readonly<Record<string, JsonValue>>;
  inputs: Readonly<Record<string, string>>;
  issuedAt: number;
  expiresAt: number;
  tokenId: string;
  /** Known only once it is made. */
  proof?: string | undefined;
  code?: CodeParts | undefined;
}

/** A value that a proof cannot do without is not there. Names it; holds no value. */
export class ValueMissing extends Error {
  readonly from: 'attribute' | 'setting' | 'input';
  readonly member: string;

  constructor(from: 'attribute' | 'setting' | 'input', member: string) {
    super(`${from} ${member} is missing`);
    this.name = 'ValueMissing';
    this.from = from;
    this.member = member;
  }
}

const own = <Value>(record: Readonly<Record<string, Value>>, name: string): Value | undefined =>
  Object.hasOwn(record, name) ? record[name] : undefined;

const LISTS = { attribute: 'attributes', setting: 'settings', input: 'inputs' } as const;

const PLACEHOLDER = /\{(identifier|issued_at|token_id|setting:([^{}]+))\}/g;

const asItIs = (text: string): string => text;

/** Text with its placeholders replaced; a setting that is not there is missing, whatever the record says. */
function fill(template: string, facts: ValueFacts, written = asItIs): string {
  return template.replaceAll(PLACEHOLDER, (_whole, word: string, setting: string | undefined) => {
    if (setting !== undefined) {
      const value = own(facts.settings, setting);
      if (value === undefined) throw new ValueMissing('setting', setting);
      return written(typeof value === 'string' ? value : JSON.stringify(value));
    }
    if (word === 'identifier') return written(facts.identifier);
    return word === 'issued_at' ? String(facts.issuedAt) : written(facts.tokenId);
  });
}

/** A request path with its placeholders replaced, each percent-encoded. Throws `ValueMissing`. */
export const evaluatePath = (template: string, facts: ValueFacts): string =>
  fill(template, facts, encodeURIComponent);

function fromFacts(source: Extract<ValueSource, { from: string }>, facts: ValueFacts): JsonValue | undefined {
  switch (source.from) {
    case 'identifier':
      return facts.identifier;
    case 'proof':
      return facts.proof;
    case 'code':
      return facts.code?.[source.part];
    case 'issued_at':
      return facts.issuedAt;
    case 'expires_at':
      return facts.expiresAt;
    case 'expires_at_ms':
      return facts.expiresAt * 1_000;
    case 'token_id':
      return facts.tokenId;
    case 'attribute':
    case 'setting':
    case 'input': {
      const value = own<JsonValue>(facts[LISTS[source.from]], source.name);
      if (value === undefined && source.required) throw new ValueMissing(source.from, source.name);
      return value;
    }
  }
}

/**
 * The members of an object, without those whose value is missing. Members are defined, never assigned, so that no
 * name of a record can reach a prototype.
 */
export function evaluateMembers(
  members: Readonly<Record<string, ValueSource>>,
  facts: ValueFacts,
): Record<string, JsonValue> {
  const object: Record<string, JsonValue> = {};
  for (const [name, source] of Object.entries(members)) {
    const value = evaluate(source, facts);
    if (value === undefined) continue;
    Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
  }
  return object;
}

/** A value of a proof; `undefined` when it is missing and may be. Throws `ValueMissing`. */
export function evaluate(source: ValueSource, facts: ValueFacts): JsonValue | undefined {
  if ('constant' in source) return source.constant;
  if ('from' in source) return fromFacts(source, facts);
  if ('template' in source) return fill(source.template, facts);
  if ('object' in source) return evaluateMembers(source.object, facts);
  if ('jsonText' in source) return JSON.stringify(evaluateMembers(source.jsonText, facts));
  return source.list.flatMap((item) => {
    const value = evaluate(item, facts);
    return value === undefined ? [] : [value];
  });
}

/** Names of the attributes that values are made of, in the order in which they are met. */
export function attributesIn(sources: readonly ValueSource[]): string[] {
  const found = sources.flatMap((source): string[] => {
    if ('from' in source) return source.from === 'attribute' ? [source.name] : [];
    if ('object' in source) return attributesIn(Object.values(source.object));
    if ('jsonText' in source) return attributesIn(Object.values(source.jsonText));
    return 'list' in source ? attributesIn(source.list) : [];
  });
  return [...new Set(found)];
}
