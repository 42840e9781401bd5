import { createHash, randomBytes } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { open, seal } from '../../../src/keyring/seal.ts';

const key = createHash('sha256').update('one').digest();
const bytes = fc.uint8Array({ maxLength: 200 });

describe('a sealed value', () => {
  it('opens with its key and context to what was sealed', () => {
    fc.assert(
      fc.property(bytes, fc.string(), (plaintext, context) => {
        expect(open(key, seal(key, plaintext, context), context)).toEqual(Buffer.from(plaintext));
      }),
    );
  });

  it('does not open when any one bit of it is flipped', () => {
    fc.assert(
      fc.property(bytes, fc.nat(), (plaintext, position) => {
        const sealed = Buffer.from(seal(key, plaintext, 'record 1'), 'base64url');
        const bit = position % (sealed.length * 8);
        sealed[bit >> 3] = (sealed[bit >> 3] as number) ^ (1 << (bit & 7));
        expect(open(key, sealed.toString('base64url'), 'record 1')).toBeUndefined();
      }),
      { numRuns: 500 },
    );
  });

  it('does not open when any one character of it is another', () => {
    const sealed = seal(key, Buffer.from('a value of 17 by.'), 'record 1');
    for (let at = 0; at < sealed.length; at++) {
      for (const character of 'AQgw-_+/= .') {
        if (sealed[at] === character) continue;
        const changed = sealed.slice(0, at) + character + sealed.slice(at + 1);
        expect(open(key, changed, 'record 1'), `${character} at ${at}`).toBeUndefined();
      }
    }
  });

  it('does not open under another key or for another record', () => {
    fc.assert(
      fc.property(bytes, fc.string(), fc.string(), (plaintext, context, other) => {
        fc.pre(context !== other);
        const sealed = seal(key, plaintext, context);
        expect(open(key, sealed, other)).toBeUndefined();
        expect(open(randomBytes(32), sealed, context)).toBeUndefined();
      }),
    );
  });

  it('is never the same twice, so equal values cannot be told from it', () => {
    const sealed = Array.from({ length: 1_000 }, () => seal(key, Buffer.from('same'), 'same'));
    expect(new Set(sealed).size).toBe(1_000);
    expect(new Set(sealed.map((text) => text.slice(0, 16))).size).toBe(1_000);
  });

  it.each(['', 'x', '=', 'A'.repeat(36), 'A'.repeat(37)])('is not %j', (text) => {
    expect(open(key, text, '')).toBeUndefined();
  });
});
