import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createPasswordHasher,
  type PasswordHasher,
} from '../../../src/authenticators/passwords/password-hasher.ts';
import {
  decoyLike,
  type HashSpec,
  parseStoredHash,
} from '../../../src/authenticators/passwords/stored-hash.ts';
import { createMetrics } from '../../../src/platform/metrics.ts';

const PASSWORD = 'correct horse battery staple';

/** Made with hashlib and crypt of Python, in the form in which each system writes them. */
const HASHES: [string, string][] = [
  ['Django PBKDF2', 'pbkdf2_sha256$1000$saltOfDjango1$SZVgdVc3852HaKhjSyZyq3T7ALw8VBBiQci8bRJTD20='],
  [
    'Django scrypt',
    'scrypt$1024$saltOfDjango1$8$1$M25I3Me6orrbVdhM61/4j5/yCuTk96uDbuEHPUeIXpuXP15lc5DkKSwZGSTdFQaOxdZtSSgU12pcVxtthJQ8pg==',
  ],
  [
    'Werkzeug scrypt',
    'scrypt:1024:8:1$saltOfDjango1$336e48dcc7baa2badb55d84ceb5ff88f9ff20ae4e4f7ab836ee1073d47885e9b973f5e657390e4292c191924dd15068ec5d66d492814d76a5c571b6d84943ca6',
  ],
  [
    'Werkzeug PBKDF2',
    'pbkdf2:sha256:1000$saltOfDjango1$499560755737f39d8768a8634b2672ab74fb00bc3c54106241c8bc6d12530f6d',
  ],
  [
    'passlib scrypt',
    '$scrypt$ln=10,r=8,p=1$Afr7/DAxMjM0NTY3ODlhYg$lJwKg3OtW6OuSIGXsfZQ6iEJ8TmfxdgBsJIt/hfNkY0',
  ],
  [
    'passlib PBKDF2-SHA-512',
    '$pbkdf2-sha512$1000$Afr7/DAxMjM0NTY3ODlhYg$fmgPE4KKcPu8lhVUofhZeB2E4L2FpQaFcyGwHYoQVzZzadQGBGq0oFlC0NjS0TP4TR78YhzCxF6oMypQ9izQOQ',
  ],
  ['passlib PBKDF2-SHA-1', '$pbkdf2$1000$Afr7/DAxMjM0NTY3ODlhYg$uKVAor72e7MT/VGI/mz7.Hvwd4Q'],
  [
    'ASP.NET Core Identity 3',
    'AQAAAAIAAAPoAAAAEAH6+/wwMTIzNDU2Nzg5YWJ+aA8Tgopw+7yWFVSh+Fl4HYTgvYWlBoVzIbAdihBXNg==',
  ],
  ['ASP.NET Identity 2', 'AAH6+/wwMTIzNDU2Nzg5YWK4pUCivvZ7sxP9UYj+bPv4e/B3hJ8aWImSlT4TljfK2A=='],
  ['bcrypt 2b', '$2b$05$abcdefghijklmnopqrstuuFiPhXf1sVd3pCCRO.uVh34H/qI/ZsuS'],
  ['bcrypt 2a', '$2a$05$abcdefghijklmnopqrstuuFiPhXf1sVd3pCCRO.uVh34H/qI/ZsuS'],
  ['bcrypt 2y', '$2y$05$abcdefghijklmnopqrstuuFiPhXf1sVd3pCCRO.uVh34H/qI/ZsuS'],
];

let hasher: PasswordHasher;
beforeAll(() => {
  hasher = createPasswordHasher({ lanes: 2, maxWaiting: 64, metrics: createMetrics() });
});
afterAll(() => hasher.close());

const bcrypt = HASHES.find(([by]) => by === 'bcrypt 2b')?.[1] as string;

describe('a hash that another system has stored', () => {
  it.each([...HASHES, ['Spring Security', `{bcrypt}${bcrypt}`], ['Django bcrypt', `bcrypt$${bcrypt}`]])(
    '%s: holds for its password alone, and is weaker than ours',
    async (_by, stored) => {
      expect(await hasher.verify(PASSWORD, stored)).toEqual({ matches: true, weak: true });
      for (const wrong of [`${PASSWORD}x`, PASSWORD.toUpperCase(), PASSWORD.slice(1)])
        expect(await hasher.verify(wrong, stored)).toEqual({ matches: false, weak: true });
    },
  );

  it.each(HASHES)('%s: its decoy costs the same and fits nothing', async (_by, stored) => {
    const spec = parseStoredHash(stored) as HashSpec;
    const { tag, ...cost } = spec;
    const { tag: other, ...sameCost } = decoyLike(spec);
    expect(sameCost).toEqual(cost);
    expect(other).toHaveLength(tag.length);
    expect((await hasher.verify(PASSWORD, decoyLike(spec))).matches).toBe(false);
  });

  it.each([
    ['nothing', ''],
    ['a password in clear', PASSWORD],
    ['MD5', '5f4dcc3b5aa765d61d8327deb882cf99'],
    ['md5crypt', '$1$abcdefgh$G//4keteveJp0qb8z2DxG/'],
    [
      'sha512crypt',
      '$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/',
    ],
    ['an LDAP hash', '{SSHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g='],
    ['bcrypt of the broken kind', bcrypt.replace('$2b$', '$2x$')],
    ['bcrypt that takes minutes', bcrypt.replace('$05$', '$20$')],
    ['bcrypt cut short', bcrypt.slice(0, -1)],
    ['scrypt for all of the memory', '$scrypt$ln=30,r=8,p=1$c2FsdHNhbHQ$c2FsdHNhbHRzYWx0c2FsdA'],
    ['scrypt with a cost that is no power of two', 'scrypt:1000:8:1$salt$00112233445566778899aabbccddeeff'],
    ['PBKDF2 without an end', `pbkdf2:sha256:999999999$salt$00112233445566778899aabbccddeeff`],
    ['PBKDF2 with MD5', 'pbkdf2:md5:1000$salt$00112233445566778899aabbccddeeff'],
    ['PBKDF2 with a result of one byte', 'pbkdf2:sha256:1000$salt$00'],
    ['PBKDF2 without a result', 'pbkdf2_sha256$1000$salt$='],
    ['a text that is too long', `pbkdf2:sha256:1000$salt$${'00'.repeat(300)}`],
  ])('is not read from %s', (_what, text) => {
    expect(parseStoredHash(text)).toBeUndefined();
  });
});
