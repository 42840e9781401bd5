import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OAuthError } from '../../../src/errors.ts';
import {
  presentParameters,
  refuseOtherResource,
  requiredParameter,
  scopesWithin,
} from '../../../src/oauth/parameters.ts';

/** The code of an OAuth error, or what was given back. */
function outcome<T>(attempt: () => T): T | string {
  try {
    return attempt();
  } catch (error) {
    if (error instanceof OAuthError) return error.code;
    throw error;
  }
}

describe('parameters', () => {
  it('without a value are as if they were not there, and no name reaches a prototype', () => {
    const given = JSON.parse('{"a":"1","b":"","__proto__":"x","c":" "}') as Record<string, string>;
    const present = presentParameters(given);
    expect(Object.entries(present)).toEqual([
      ['a', '1'],
      ['__proto__', 'x'],
      ['c', ' '],
    ]);
    expect(present['toString']).toBeUndefined();
  });

  it('that must be there are named when they are not', () => {
    expect(requiredParameter({ token: 't' }, 'token')).toBe('t');
    expect(() => requiredParameter({ token: 't' }, 'code')).toThrow(/\bcode\b/);
    expect(outcome(() => requiredParameter({}, 'code'))).toBe('invalid_request');
  });

  it.each(['resource', 'audience'])('ask for no other %s than this service', (name) => {
    const of = (value: string) => outcome(() => refuseOtherResource({ [name]: value }, 'https://id.test'));
    expect(of('https://id.test')).toBeUndefined();
    for (const other of ['https://id.test/', 'https://ID.test', 'https://other.test', ' '])
      expect(of(other)).toBe('invalid_target');
    expect(outcome(() => refuseOtherResource({}, 'https://id.test'))).toBeUndefined();
  });
});

describe('scopes', () => {
  const granted = ['whoami', 'profile:read'];

  it('are all that is granted where none is asked for, and each once where some are', () => {
    expect(scopesWithin(granted, undefined)).toEqual(granted);
    expect(scopesWithin(granted, 'profile:read')).toEqual(['profile:read']);
    expect(scopesWithin(granted, 'profile:read whoami profile:read')).toEqual(['profile:read', 'whoami']);
  });

  it('never go beyond what is granted, whatever is asked', () => {
    const word = fc.oneof(fc.constantFrom(...granted, 'admin', 'WHOAMI', ''), fc.string());
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 4 }), (words) => {
        const asked = words.join(' ');
        const expected = words.every((one) => granted.includes(one)) ? [...new Set(words)] : 'invalid_scope';
        expect(outcome(() => scopesWithin(granted, asked))).toEqual(expected);
      }),
    );
  });

  it.each([' whoami', 'whoami ', 'whoami  whoami', '', 'a"b', 'a\\b', 'é', 'a\tb', 'a\n'])(
    'asked for as %j are malformed, also where that very word is granted',
    (asked) => {
      expect(outcome(() => scopesWithin([...granted, asked, ...asked.split(' ')], asked))).toBe(
        'invalid_scope',
      );
    },
  );

  it.each(['!', '#', '[', ']', '~', 'a:b/c', 'x y z'])(
    'may be written as %j (RFC 6749 section 3.3)',
    (asked) => {
      expect(scopesWithin(asked.split(' '), asked)).toEqual(asked.split(' '));
    },
  );
});
