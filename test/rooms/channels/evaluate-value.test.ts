import {
  type Arbitrary,
  array,
  assert,
  constantFrom,
  dictionary,
  jsonValue,
  letrec,
  oneof,
  property,
  record,
  string,
} from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonValue, ValueSource } from '../../../src/channels/channel-profile.ts';
import {
  attributesIn,
  evaluate,
  evaluateMembers,
  evaluatePath,
  ValueMissing,
  type ValueFacts,
} from '../../../src/channels/evaluate-value.ts';

const facts: ValueFacts = {
  identifier: 'c1abc',
  attributes: { email: 'mira@example.com', verified: true },
  settings: { app: 'app_1', region: 'eu west' },
  inputs: { uuid: 'u-1' },
  issuedAt: 1_000,
  expiresAt: 1_900,
  tokenId: 'tid',
};

const json = jsonValue() as Arbitrary<JsonValue>;
const name = oneof(
  string({ minLength: 1, maxLength: 8 }),
  constantFrom('__proto__', 'constructor', 'toString', 'hasOwnProperty', 'email'),
);
const { source } = letrec<{ source: ValueSource }>((tie) => ({
  source: oneof(
    { depthSize: 'small' },
    record({ constant: json }),
    constantFrom<ValueSource>(
      { from: 'identifier' },
      { from: 'issued_at' },
      { from: 'expires_at' },
      { from: 'expires_at_ms' },
      { from: 'token_id' },
      { from: 'proof' },
      { from: 'code', part: 'nonce' },
    ),
    record({ from: constantFrom('attribute' as const, 'setting' as const, 'input' as const), name }),
    record({ template: string() }),
    record({ object: dictionary(name, tie('source'), { maxKeys: 4 }) }),
    record({ jsonText: dictionary(name, tie('source'), { maxKeys: 4 }) }),
    record({ list: array(tie('source'), { maxLength: 4 }) }),
  ),
}));

describe('a value of a proof', () => {
  it('is plain JSON or missing, whatever the record says, and never touches a prototype', () => {
    assert(
      property(source, (one) => {
        const value = evaluate(one, facts);
        expect(() => JSON.stringify(value)).not.toThrow();
        expect(['undefined', 'string', 'number', 'boolean', 'object']).toContain(typeof value);
        expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
        expect(Object.getPrototypeOf(evaluateMembers({ one }, facts))).toBe(Object.prototype);
      }),
    );
  });

  it('is the same for the same facts', () => {
    assert(
      property(source, (one) => {
        expect(evaluate(one, facts)).toEqual(evaluate(one, facts));
      }),
    );
  });

  it('comes from own members alone: names of the language find nothing', () => {
    for (const inherited of ['constructor', 'toString', '__proto__', 'hasOwnProperty']) {
      for (const from of ['attribute', 'setting', 'input'] as const) {
        expect(evaluate({ from, name: inherited }, facts)).toBeUndefined();
        expect(() => evaluate({ from, name: inherited, required: true }, facts)).toThrow(ValueMissing);
      }
    }
  });

  it('leaves its member out when it is missing, also in lists and in JSON text', () => {
    const gone: ValueSource = { from: 'attribute', name: 'phone' };
    expect(evaluate({ object: { gone, id: { from: 'identifier' } } }, facts)).toEqual({ id: 'c1abc' });
    expect(evaluate({ list: [gone, { constant: 1 }] }, facts)).toEqual([1]);
    expect(evaluate({ jsonText: { gone, at: { from: 'issued_at' } } }, facts)).toBe('{"at":1000}');
  });

  it('keeps the name __proto__ as an own member', () => {
    const members = evaluateMembers({ ['__proto__']: { constant: { admin: true } } }, facts);
    expect(Object.keys(members)).toEqual(['__proto__']);
    expect((members as { admin?: boolean }).admin).toBeUndefined();
  });

  it('fills templates once: what is filled in is never read as a placeholder', () => {
    const sly = { ...facts, settings: { app: '{identifier}' } };
    expect(evaluate({ template: '{setting:app}-{issued_at}-{token_id}' }, sly)).toBe('{identifier}-1000-tid');
    expect(() => evaluate({ template: '{setting:none}' }, facts)).toThrow(ValueMissing);
  });

  it('cannot leave its segment of a path', () => {
    assert(
      property(string({ unit: 'grapheme' }), (identifier) => {
        const path = evaluatePath('/v3/users/{identifier}/token', { ...facts, identifier });
        expect(path.split('/')).toHaveLength(5);
        expect(path).not.toMatch(/[?#\\\s]/);
      }),
    );
  });
});

it('the attributes that a record uses are found however deep they stand', () => {
  const deep: ValueSource[] = [
    { object: { a: { list: [{ jsonText: { b: { from: 'attribute', name: 'email' } } }] } } },
    { from: 'attribute', name: 'plan' },
    { from: 'setting', name: 'app' },
    { from: 'attribute', name: 'email' },
  ];
  expect(attributesIn(deep)).toEqual(['email', 'plan']);
});
