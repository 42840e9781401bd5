import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  type ChangeableKeySettings,
  checkKeySettings,
  policyFor,
} from '../../../src/api-keys/key-settings.ts';
import { BridgeError } from '../../../src/errors.ts';
import { isGuessable, looksLikeToken, mayBePublicId, mayBeSecret } from '../../../src/api-keys/key-format.ts';

const publicKey = () => generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }).x as string;

/** What a refusal names; `undefined` for settings that are taken. */
function refused(changes: Partial<ChangeableKeySettings>): unknown {
  const settings = {
    label: 'key',
    signature: 'none' as const,
    scopes: [],
    allowedAddresses: [],
    publicKeys: [],
    expiresAtMs: undefined,
  };
  try {
    checkKeySettings({ ...settings, ...changes });
    return undefined;
  } catch (error) {
    if (!(error instanceof BridgeError) || error.code !== 'INVALID_REQUEST') throw error;
    return error.details;
  }
}

const addresses = (count: number) => Array.from({ length: count }, (_, i) => `192.0.${i >> 8}.${i & 255}`);

describe('settings of a key', () => {
  it('that are sound are taken', () => {
    expect(refused({})).toBeUndefined();
    expect(
      refused({
        scopes: ['profile:read', 'whoami'],
        allowedAddresses: addresses(200),
        publicKeys: Array.from({ length: 4 }, publicKey),
      }),
    ).toBeUndefined();
  });

  it('that are not are refused, and the refusal names what is wrong', () => {
    expect(refused({ scopes: ['whoami', 'profile:write'] })).toEqual({ scope: 'profile:write' });
    expect(refused({ allowedAddresses: ['192.0.2.1', '192.0.2.0/33'] })).toEqual({ address: '192.0.2.0/33' });
    expect(refused({ allowedAddresses: addresses(201) })).toEqual({ member: 'allowed_addresses' });
  });

  it.each([
    ['five keys', () => Array.from({ length: 5 }, publicKey)],
    ['a key that is no base64url', () => ['!'.repeat(43)]],
    ['a key of 31 bytes', () => [Buffer.alloc(31, 1).toString('base64url')]],
    ['a key of 33 bytes', () => [Buffer.alloc(33, 1).toString('base64url')]],
    ['a key with padding', () => [`${publicKey()}=`]],
    ['one bad key among good ones', () => [publicKey(), 'bad']],
  ])('with %s are refused', (_what, publicKeys) => {
    expect(refused({ publicKeys: publicKeys() })).toEqual({ member: 'ed25519_public_keys' });
  });

  it('make a signing key sign always, and leave every other policy alone', () => {
    expect(policyFor('signing', 'none')).toBe('any');
    expect(policyFor('bearer', 'none')).toBe('none');
    for (const policy of ['v1', 'v2', 'any'] as const) {
      expect(policyFor('signing', policy)).toBe(policy);
      expect(policyFor('bearer', policy)).toBe(policy);
    }
  });
});

describe('what another system gave out', () => {
  it.each([
    ['an id of 8 characters', 'pk_12345', true],
    ['an id of 7 characters', 'pk_1234', false],
    ['an id of 200 characters', 'p'.repeat(200), true],
    ['an id of 201 characters', 'p'.repeat(201), false],
    ['an id with a space', 'an id with spaces', false],
    ['an id that is not ASCII', 'schlüssel-1', false],
    ['an id that is named like a secret', 'sk_test_1', false],
    ['an id that only holds that name', 'my_sk_test_1', true],
    ['an id of our form without our checksum', `pk_test_${'0'.repeat(33)}`, false],
    ['an id of nearly our form', `pk_test_${'0'.repeat(34)}`, true],
    ['an id of nearly our form, with more in front', `xpk_test_${'0'.repeat(33)}`, true],
  ])('%s may be a public id: %s → %s', (_what, text, may) => {
    expect(mayBePublicId(text)).toBe(may);
  });

  it.each([
    ['20 characters', 's'.repeat(20), true],
    ['19 characters', 's'.repeat(19), false],
    ['200 characters', 's'.repeat(200), true],
    ['201 characters', 's'.repeat(201), false],
    ['a space in it', `${'s'.repeat(10)} ${'s'.repeat(10)}`, false],
    ['our form without our checksum', `sk_live_${'0'.repeat(49)}`, false],
    ['nearly our form', `sk_live_${'0'.repeat(50)}`, true],
    ['nearly our form, with more in front', `xsk_live_${'0'.repeat(49)}`, true],
  ])('a secret of %s may be one: %s → %s', (_what, text, may) => {
    expect(mayBeSecret(text)).toBe(may);
  });

  it('is guessable with fewer than six different characters, and as the digest of nothing', () => {
    expect(isGuessable('1234512345123451234512345')).toBe(true);
    expect(isGuessable('1234561234561234561234561')).toBe(false);
    expect(isGuessable('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')).toBe(true);
    expect(isGuessable('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b856')).toBe(false);
  });

  it('is taken for a token in three parts with the beginning of a JWT, and only then', () => {
    for (const token of ['eyJh.eyJz.c2ln', 'eyJ..', 'eyJh.x.']) expect(looksLikeToken(token)).toBe(true);
    for (const other of [
      'eyJh.eyJz',
      'eyJh.eyJz.c2ln.more',
      'xeyJh.eyJz.c2ln',
      'sk_live_abc',
      'eyJ',
      'a.b.c',
    ])
      expect(looksLikeToken(other)).toBe(false);
  });
});
