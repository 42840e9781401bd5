import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Argon2Cost,
  decoyHash,
  formatHash,
  isWeaker,
  MAX_PASSWORD_BYTES,
  newSalt,
  parseHash,
  PASSWORD_COST,
  preparePassword,
} from '../../../src/authenticators/passwords/password-hash.ts';

describe('a password', () => {
  it('is the same however its letters were composed', () => {
    expect(preparePassword('Pa\u0308sswo\u0308rt')).toBe(preparePassword('P\u00e4ssw\u00f6rt'));
    expect(preparePassword('\u212bngstrom')).toBe(preparePassword('\u00c5ngstrom'));
  });

  it('is otherwise taken exactly as sent: case, spaces and all', () => {
    for (const password of [' a ', 'A', 'a\tb\n', '☕', 'ﬁ', 'x'.repeat(MAX_PASSWORD_BYTES)]) {
      expect(preparePassword(password)).toBe(password);
    }
    expect(preparePassword('ﬁ')).not.toBe(preparePassword('fi'));
  });

  it.each([
    ['empty', ''],
    ['of 1,025 bytes', 'x'.repeat(1_025)],
    ['of 513 letters of two bytes', 'ü'.repeat(513)],
    ['with a NUL, where a C library would stop reading', 'right\0wrong'],
    ['that is no text', 'a\ud800'],
  ])('%s is refused', (_what, password) => {
    expect(preparePassword(password)).toBeUndefined();
  });
});

const cost = fc.record({
  memoryKib: fc.integer({ min: 64, max: 1_048_576 }),
  passes: fc.integer({ min: 1, max: 999 }),
  parallelism: fc.integer({ min: 1, max: 8 }),
});

describe('a stored hash', () => {
  it('reads back as it was written', () => {
    fc.assert(
      fc.property(
        cost,
        fc.uint8Array({ minLength: 8, maxLength: 32 }),
        fc.uint8Array({ minLength: 16, maxLength: 64 }),
        (one, salt, tag) => {
          const hash = { ...one, salt: Buffer.from(salt), tag: Buffer.from(tag) };
          expect(parseHash(formatHash(hash))).toEqual(hash);
        },
      ),
    );
  });

  it.each([
    '',
    'plain text',
    '$argon2i$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHApl8ArZWb2GRPPc',
    '$argon2id$v=16$m=19456,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHApl8ArZWb2GRPPc',
    '$argon2id$v=19$m=9999999,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHApl8ArZWb2GRPPc',
    '$argon2id$v=19$m=4,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHApl8ArZWb2GRPPc',
    '$argon2id$v=19$m=19456,t=0,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHApl8ArZWb2GRPPc',
    '$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$',
    '$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHApl8ArZWb2GRPPc$x',
    ' $argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHApl8ArZWb2GRPPc',
    '$2b$10$abcdefghijklmnopqrstuv',
  ])('%j is none that we check', (text) => {
    expect(parseHash(text)).toBeUndefined();
  });

  it.each<[Partial<Argon2Cost>, boolean]>([
    [{}, false],
    [{ memoryKib: PASSWORD_COST.memoryKib - 1 }, true],
    [{ passes: PASSWORD_COST.passes - 1 }, true],
    [{ memoryKib: 65_536, passes: 3 }, false],
    [{ memoryKib: 65_536, passes: 1 }, true],
  ])('of cost %o is weaker than today: %s', (changes, weaker) => {
    expect(isWeaker({ ...PASSWORD_COST, ...changes }, PASSWORD_COST)).toBe(weaker);
  });

  it('has a salt of its own, also the one that stands for unknown names', () => {
    const salts = Array.from({ length: 100 }, () => newSalt().toString('hex'));
    expect(new Set(salts).size).toBe(100);
    expect(decoyHash(PASSWORD_COST)).not.toBe(decoyHash(PASSWORD_COST));
    expect(parseHash(decoyHash(PASSWORD_COST))).toMatchObject(PASSWORD_COST);
  });
});
