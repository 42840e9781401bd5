import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AuthenticationOutcome } from '../../../src/authenticators/authenticator.ts';
import {
  canonicalUsername,
  directoryAuthenticator,
} from '../../../src/authenticators/directory/directory.ts';
import { createDirectoryUsers } from '../../../src/authenticators/directory/directory-users.ts';
import type { DirectoryStore } from '../../../src/authenticators/directory/directory-types.ts';
import { parseStoredHash } from '../../../src/authenticators/passwords/stored-hash.ts';
import type { ReferenceSpace } from '../../../src/identifiers/identifier.ts';
import {
  createPasswordHasher,
  type PasswordHasher,
} from '../../../src/authenticators/passwords/password-hasher.ts';
import { ADMIN, openRooms, type Rooms } from '../fixture.ts';

const PASSWORD = 'correct horse battery staple';
const CONTEXT = { requestId: 'req-1', channel: 'web' };
const REFUSED: AuthenticationOutcome = { outcome: 'refused', reason: 'credentials' };
const signedIn = (reference: string): AuthenticationOutcome =>
  ({ outcome: 'authenticated', space: 'crm', reference }) as AuthenticationOutcome;

let rooms: Rooms;
let hasher: PasswordHasher;

beforeEach(async () => {
  rooms = await openRooms();
  hasher = createPasswordHasher({ lanes: 2, maxWaiting: 16, metrics: rooms.metrics });
});
afterEach(async () => {
  hasher.close();
  await rooms.close();
});

/** Whose sessions were ended. */
let ended: string[] = [];

const users = (directories = ['staff']) =>
  createDirectoryUsers({
    store: rooms.stores.directory,
    hasher,
    audit: rooms.audit,
    clock: rooms.clock,
    directories: new Map(directories.map((name) => [name, 'crm' as ReferenceSpace])),
    endSessions: async (space, reference) => void ended.push(`${space} ${reference}`),
  });

function directory(changes: { directory?: DirectoryStore; hasher?: PasswordHasher } = {}) {
  return directoryAuthenticator.create(
    directoryAuthenticator.optionsSchema.parse({ name: 'staff', type: 'directory', reference_space: 'crm' }),
    {
      directory: rooms.stores.directory,
      hasher,
      audit: rooms.audit,
      logger: rooms.logger,
      ...changes,
    },
  );
}

const signIn = (username: string, password = PASSWORD, by = directory()) =>
  by.authenticate({ kind: 'password', username, password }, CONTEXT);

const addMira = (username = 'mira') =>
  users().add('staff', { username, password: PASSWORD, reference: '4711' }, ADMIN);

describe('a sign-in', () => {
  beforeEach(async () => {
    await addMira();
  });

  it('with the right password gives the reference in the declared space', async () => {
    expect(await signIn('mira')).toEqual(signedIn('4711'));
  });

  it.each([
    ['a wrong password', 'mira', 'wrong'],
    ['an unknown name', 'nobody', PASSWORD],
    ['the reference for a name', '4711', PASSWORD],
    ['a password with a NUL after the right one', 'mira', `${PASSWORD}\0`],
    ['the right password cut at a NUL', 'mira', `${PASSWORD}\0more`],
    ['a password that is too long', 'mira', 'x'.repeat(1_025)],
    ['no password', 'mira', ''],
    ['a space at the end', 'mira', `${PASSWORD} `],
    ['a name with a NUL', 'mira\0', PASSWORD],
    ['a name with a quote', "mira' or '1'='1", PASSWORD],
    ['a wildcard for a name', '%', PASSWORD],
  ])('with %s is refused, always in the same words', async (_what, username, password) => {
    expect(await signIn(username, password)).toEqual(REFUSED);
  });

  it('of a disabled user, or of one whose password was replaced, ends everything they were issued', async () => {
    ended = [];
    await users().setPassword('staff', 'mira', 'another password', ADMIN);
    await users().disable('staff', 'Mira', ADMIN);
    const { reference } = (await users().list('staff'))[0] as { reference: string };
    expect(ended).toEqual([`crm ${reference}`, `crm ${reference}`]);
  });

  it('of a disabled user is refused in the same words', async () => {
    await users().disable('staff', 'mira', ADMIN);
    expect(await signIn('mira')).toEqual(REFUSED);
  });

  it('is one of this directory alone', async () => {
    await users(['guests']).add('guests', { username: 'gast', password: PASSWORD, reference: '9' }, ADMIN);
    expect(await signIn('gast')).toEqual(REFUSED);
  });

  it('takes a new password as soon as it is set, and the old one no more', async () => {
    await users().setPassword('staff', 'mira', 'a new pass phrase', ADMIN);
    expect(await signIn('mira')).toEqual(REFUSED);
    expect(await signIn('mira', 'a new pass phrase')).toEqual(signedIn('4711'));
  });
});

describe('a user name', () => {
  it.each([
    ['Mira', 'mira'],
    ['MIRA', 'mira'],
    ['Jo\u0308rg', 'j\u00f6rg'],
    ['J\u00d6RG', 'jo\u0308rg'],
    ['J\u030cana', '\u01f0ana'],
  ])('%s is %s, however it is typed', async (typed, added) => {
    await addMira(added);
    expect(await signIn(typed)).toEqual(signedIn('4711'));
    await expect(addMira(typed)).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  it('in its canonical form stays as it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 12 }), (text) => {
        const name = canonicalUsername(text);
        expect(canonicalUsername(name)).toBe(name);
        expect(canonicalUsername(text.normalize('NFD'))).toBe(canonicalUsername(text.normalize('NFC')));
      }),
      { numRuns: 3_000 },
    );
  });

  it.each([
    ['password', 'Pa\u0308sswort 1', 'P\u00e4sswort 1'],
    ['password', 'P\u00e4sswort 1', 'Pa\u0308sswort 1'],
  ])('and %s that were composed otherwise are the same', async (_what, stored, typed) => {
    await users().add('staff', { username: 'mira', password: stored, reference: '4711' }, ADMIN);
    expect(await signIn('mira', typed)).toEqual(signedIn('4711'));
  });
});

describe('what nobody can tell', () => {
  beforeEach(async () => {
    await addMira();
  });

  it('because the database is away is "unavailable", never "refused", and is logged without a name', async () => {
    const away = { ...rooms.stores.directory, find: () => Promise.reject(new Error('away mira')) };
    const outcome = await signIn('mira', PASSWORD, directory({ directory: away }));
    expect(outcome).toEqual({ outcome: 'unavailable', busy: false, retryAfterSeconds: 5 });
    expect(rooms.lines.at(-1)).toContain('authenticator.failed');
    expect(rooms.lines.join('')).not.toContain('mira');
  });

  it('because the hashing process has its hands full is "busy", and honest sign-ins go on', async () => {
    const small = createPasswordHasher({ lanes: 1, maxWaiting: 2, metrics: rooms.metrics });
    const by = directory({ hasher: small });
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => signIn('mira', PASSWORD, by)));
    const busy = outcomes.filter(({ outcome }) => outcome === 'unavailable');
    expect(outcomes.filter(({ outcome }) => outcome === 'authenticated')).toHaveLength(3);
    expect(new Set(busy.map((one) => JSON.stringify(one)))).toEqual(
      new Set(['{"outcome":"unavailable","busy":true,"retryAfterSeconds":1}']),
    );
    expect(await signIn('mira', PASSWORD, by)).toEqual(signedIn('4711'));
    small.close();
  });

  it('because the stored hash is damaged is "unavailable"', async () => {
    const user = await rooms.stores.directory.find('staff', 'mira');
    const broken = {
      ...rooms.stores.directory,
      find: async () => ({ ...(user as NonNullable<typeof user>), passwordHash: 'damaged' }),
    };
    expect(await signIn('mira', PASSWORD, directory({ directory: broken }))).toMatchObject({
      outcome: 'unavailable',
    });
  });
});

it('an unknown name costs the one hash that a wrong password costs', async () => {
  await addMira();
  const costs: unknown[] = [];
  const by = directory({
    hasher: {
      ...hasher,
      verify: (password, stored, lane) => {
        const spec = typeof stored === 'string' ? parseStoredHash(stored) : stored;
        costs.push({ ...spec, salt: spec?.salt.length, tag: spec?.tag.length });
        return hasher.verify(password, stored, lane);
      },
    },
  });
  for (const username of ['nobody-1', 'mira', 'nobody-2']) await signIn(username, 'wrong', by);
  const [cost] = costs;
  expect(cost).toMatchObject({ kind: 'argon2id', memoryKib: 19_456 });
  expect(costs).toEqual([cost, cost, cost]);
});

it('a hash that is weaker than today is made anew at the next sign-in, with a record and the same password', async () => {
  // "password" at a quarter of a mebibyte, from the test program of the reference implementation of Argon2.
  const weak = '$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4';
  await addMira();
  const record = rooms.audit.record('directory.password_set', { ...ADMIN, outcome: 'success' });
  await rooms.stores.directory.setPasswordHash('staff', 'mira', weak, record);
  const stored = async () => (await rooms.stores.directory.find('staff', 'mira'))?.passwordHash;
  expect(await signIn('mira', 'wrong')).toEqual(REFUSED);
  expect(await stored()).toBe(weak);
  expect(await signIn('mira', 'password')).toEqual(signedIn('4711'));
  await expect.poll(stored, { timeout: 5_000 }).toMatch(/m=19456,t=2,p=1/);
  expect(await signIn('mira', 'password')).toEqual(signedIn('4711'));
  expect((await rooms.audited()).at(-1)).toMatchObject({
    event: 'directory.password_set',
    actor: 'system',
    reason: 'hash strengthened',
  });
});

describe('administration', () => {
  it('keeps no password in the database, the log or the audit log', async () => {
    await users().add('staff', { username: 'mira', password: 'canary-pass-91c4', reference: '4711' }, ADMIN);
    await users().setPassword('staff', 'mira', 'canary-pass-77aa', ADMIN);
    const kept = JSON.stringify([
      await rooms.stores.directory.list('staff'),
      await rooms.audited(),
      rooms.lines,
    ]);
    expect(kept).toContain('$argon2id$');
    expect(kept).not.toContain('canary-pass');
  });

  it('makes a reference for a user who has none, and never gives one to two', async () => {
    const made = await users().add(
      'staff',
      { username: 'noor', password: PASSWORD, reference: undefined },
      ADMIN,
    );
    expect(made.reference).toMatch(/^u-[0-9a-f-]{36}$/);
    await addMira();
    await expect(
      users().add('staff', { username: 'other', password: PASSWORD, reference: '4711' }, ADMIN),
    ).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  it.each<[string, Partial<{ username: string; password: string; reference: string }>, string]>([
    ['an empty password', { password: '' }, 'INVALID_REQUEST'],
    ['a password with a NUL', { password: 'a\0b' }, 'INVALID_REQUEST'],
    ['a password of 1,025 bytes', { password: 'x'.repeat(1_025) }, 'INVALID_REQUEST'],
    ['a reference with a newline', { reference: 'a\nb' }, 'INVALID_REQUEST'],
    ['an empty reference', { reference: '' }, 'INVALID_REQUEST'],
    ['a reference of 256 bytes', { reference: 'x'.repeat(256) }, 'INVALID_REQUEST'],
  ])('refuses %s and keeps nothing', async (_what, changes, code) => {
    const user = { username: 'mira', password: PASSWORD, reference: '4711', ...changes };
    await expect(users().add('staff', user, ADMIN)).rejects.toMatchObject({ code });
    expect(await rooms.stores.directory.list('staff')).toEqual([]);
  });

  it('of a directory or user that is not there says so', async () => {
    const user = { username: 'mira', password: PASSWORD, reference: '4711' };
    await expect(users().add('other', user, ADMIN)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(users().list('other')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(users().setPassword('staff', 'nobody', 'x', ADMIN)).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    await expect(users().disable('staff', 'nobody', ADMIN)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

it('the probe says that a directory without users cannot sign anybody in', async () => {
  expect(await directory().probe()).toMatchObject({ ok: false });
  await addMira();
  expect(await directory().probe()).toEqual({ ok: true, message: '1 users' });
});
