import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StartRefused } from '../../../src/errors.ts';
import { KEY_PURPOSES, type Keyring, openKeyring } from '../../../src/keyring/keyring.ts';
import { createTestClock } from '../../support/clock.ts';
import { encryptionKey, openStores } from '../fixture.ts';

const clock = createTestClock();
let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'symbolon-keyring-'));
  file = join(folder, 'keys.db');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Opens the keyring as a start of the service does, uses it, and closes the database. */
async function start<T>(use: (keyring: Keyring) => T | Promise<T>, keks = [encryptionKey(1)]): Promise<T> {
  const stores = await openStores(clock, file);
  try {
    return await use(
      await openKeyring({
        store: stores.keys,
        clock,
        hasCustomers: async () => (await stores.customers.count()) > 0,
        encryptionKeys: keks,
      }),
    );
  } finally {
    await stores.close();
  }
}

/** What an operator, a broken disk or a thief does to the database between two starts. */
function tamper(statement: string, ...values: SQLInputValue[]): void {
  const db = new DatabaseSync(file);
  const { changes } = db.prepare(statement).run(...values);
  db.close();
  expect(changes).toBeGreaterThan(0);
}

function rows(statement: string): Record<string, unknown>[] {
  const db = new DatabaseSync(file);
  const found = db.prepare(statement).all();
  db.close();
  return found;
}

const everyKey = (keyring: Keyring) =>
  KEY_PURPOSES.flatMap((purpose) =>
    keyring.all(purpose).map(({ version, key }) => `${purpose} ${version} ${key.export().toString('hex')}`),
  );

async function refusalOf(keks?: Buffer[]): Promise<string> {
  const error = await start(() => undefined, keks).then(
    () => undefined,
    (cause: unknown) => cause,
  );
  expect(error).toBeInstanceOf(StartRefused);
  return (error as StartRefused).message;
}

describe('the keys', () => {
  it('are one for each purpose, all different, and the same after a restart', async () => {
    const first = await start(everyKey);
    expect(new Set(first.map((text) => text.split(' ')[2])).size).toBe(KEY_PURPOSES.length);
    expect(await start(everyKey)).toEqual(first);
  });

  it('are the same for two keyrings that make them at the same moment', async () => {
    const stores = await openStores(clock, file);
    const [one, two] = await Promise.all(
      [1, 2].map(() =>
        openKeyring({
          store: stores.keys,
          clock,
          hasCustomers: async () => (await stores.customers.count()) > 0,
          encryptionKeys: [encryptionKey(1)],
        }),
      ),
    );
    await stores.close();
    expect(everyKey(one as Keyring)).toEqual(everyKey(two as Keyring));
  });

  it('stand in the database in no readable form', async () => {
    const keys = await start((keyring) => everyKey(keyring).map((text) => text.split(' ')[2] as string));
    const dump = JSON.stringify([
      rows('select * from purpose_keys'),
      rows('select * from purpose_key_checks'),
    ]);
    for (const hex of keys) {
      const bytes = Buffer.from(hex, 'hex');
      for (const form of [hex, bytes.toString('base64'), bytes.toString('base64url')]) {
        expect(dump).not.toContain(form);
      }
    }
  });

  it('of an older version still open what they sealed after a rotation, and the newest seals', async () => {
    await start(async (keyring) => {
      const before = keyring.seal('reference', Buffer.from('4711'), 'c1');
      expect(await keyring.rotate('reference')).toBe(2);
      expect(keyring.current('reference').version).toBe(2);
      expect(keyring.seal('reference', Buffer.from('4711'), 'c1')).toMatch(/^2\./);
      expect(keyring.open('reference', before, 'c1')?.toString()).toBe('4711');
      expect(keyring.all('reference').map(({ version }) => version)).toEqual([2, 1]);
      expect(keyring.current('session').version).toBe(1);
    });
  });

  it('that another process made are read on the next refresh', async () => {
    const [one, two] = [await openStores(clock, file), await openStores(clock, file)];
    const encryptionKeys = [encryptionKey(1)];
    const here = await openKeyring({
      store: one.keys,
      clock,
      hasCustomers: async () => (await one.customers.count()) > 0,
      encryptionKeys,
    });
    const there = await openKeyring({
      store: two.keys,
      clock,
      hasCustomers: async () => (await two.customers.count()) > 0,
      encryptionKeys,
    });
    expect(await here.refresh()).toBe(false);
    await there.rotate('session-cookie');
    expect(await here.refresh()).toBe(true);
    expect(everyKey(here)).toEqual(everyKey(there));
    await one.close();
    await two.close();
  });

  it('do not open what was sealed for another purpose, another version or another record', async () => {
    await start(async (keyring) => {
      await keyring.rotate('reference');
      const sealed = keyring.seal('reference', Buffer.from('4711'), 'c1');
      expect(keyring.open('session', sealed, 'c1')).toBeUndefined();
      expect(keyring.open('reference', sealed.replace('2.', '1.'), 'c1')).toBeUndefined();
      expect(keyring.open('reference', sealed.replace('2.', '3.'), 'c1')).toBeUndefined();
      expect(keyring.open('reference', sealed.replace('2.', ''), 'c1')).toBeUndefined();
      expect(keyring.open('reference', sealed, 'c2')).toBeUndefined();
      expect(keyring.open('reference', sealed, 'c1')?.toString()).toBe('4711');
    });
  });
});

describe('the start is refused, by the name of the key,', () => {
  beforeEach(async () => {
    await start(() => undefined);
  });

  it('without a key-encryption key', async () => {
    expect(await refusalOf([])).toContain('SYMBOLON_KEY');
  });

  it('with another key-encryption key', async () => {
    const message = await refusalOf([encryptionKey(2)]);
    const [row] = rows("select kek_id from purpose_keys where purpose = 'identifier'");
    expect(message).toContain(`key-encryption key ${String(row?.['kek_id'])}`);
    expect(message).toContain('SYMBOLON_KEY');
    expect(await start(everyKey)).toHaveLength(KEY_PURPOSES.length);
  });

  it.each(KEY_PURPOSES)('when the %s key is gone', async (purpose) => {
    tamper('delete from purpose_keys where purpose = ?', purpose);
    expect(await refusalOf()).toContain(`The ${purpose} key version 1 is missing`);
    expect(rows(`select * from purpose_keys where purpose = '${purpose}'`)).toEqual([]);
  });

  it.each(['identifier', 'identifier-index', 'reference'] as const)(
    'when the %s key and its check are gone and customers rest on it',
    async (purpose) => {
      const forget = () => {
        tamper('delete from purpose_keys where purpose = ?', purpose);
        tamper('delete from purpose_key_checks where purpose = ?', purpose);
      };
      forget();
      await start(everyKey);
      tamper(
        "insert into customers (customer_id, folded_id, channel_group, state, created_at_ms, sequence) values ('c1x', 'c1x', 'g', 'living', 1, 0)",
      );
      forget();
      expect(await refusalOf()).toContain(`The ${purpose} key is missing`);
    },
  );

  it('when the check of a key is gone', async () => {
    tamper("delete from purpose_key_checks where purpose = 'identifier'");
    expect(await refusalOf()).toContain('The identifier key version 1 is not the one');
  });

  it('when two keys changed places', async () => {
    const [one] = rows("select sealed from purpose_keys where purpose = 'identifier'");
    tamper("update purpose_keys set sealed = ? where purpose = 'reference'", String(one?.['sealed']));
    expect(await refusalOf()).toContain('The reference key version 1 in this database is damaged');
  });

  it('when a key was replaced by a well-sealed other one', async () => {
    const other = join(folder, 'other.db');
    const stores = await openStores(clock, other);
    await openKeyring({
      store: stores.keys,
      clock,
      hasCustomers: async () => (await stores.customers.count()) > 0,
      encryptionKeys: [encryptionKey(1)],
    });
    await stores.close();
    const db = new DatabaseSync(other);
    const foreign = db.prepare("select sealed from purpose_keys where purpose = 'identifier'").get();
    db.close();
    tamper("update purpose_keys set sealed = ? where purpose = 'identifier'", String(foreign?.['sealed']));
    expect(await refusalOf()).toContain('The identifier key version 1 is not the one');
  });

  it('when a seal is damaged', async () => {
    tamper("update purpose_keys set sealed = substr(sealed, 2) where purpose = 'token-signing'");
    expect(await refusalOf()).toContain('The token-signing key version 1 in this database is damaged');
  });
});

describe('after a change of the key-encryption key', () => {
  it('the new one alone opens everything, the old one nothing', async () => {
    const before = await start(everyKey);
    expect(await start(everyKey, [encryptionKey(2), encryptionKey(1)])).toEqual(before);
    expect(await start(everyKey, [encryptionKey(2)])).toEqual(before);
    expect(await refusalOf([encryptionKey(1)])).toContain('key-encryption key');
  });

  it('the keys stay under the one that comes first, wherever the old one stands', async () => {
    await start(everyKey);
    const before = rows('select * from purpose_keys');
    await start(everyKey, [encryptionKey(1), encryptionKey(2)]);
    expect(rows('select * from purpose_keys')).toEqual(before);
  });

  it('a new key made later is sealed under the new one', async () => {
    await start(everyKey);
    await start((keyring) => keyring.rotate('session-cookie'), [encryptionKey(2), encryptionKey(1)]);
    expect(await start(everyKey, [encryptionKey(2)])).toHaveLength(KEY_PURPOSES.length + 1);
  });
});
