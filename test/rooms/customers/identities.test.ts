import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CHANGES_CHAIN } from '../../../src/audit/audit-record.ts';
import { verifyChains } from '../../../src/audit/audit-chain.ts';
import { createIdentities, type Identities } from '../../../src/customers/identities.ts';
import {
  type ChannelGroup,
  type CustomerIdentifier,
  type CustomerReference,
  deriveIdentifier,
  identifierKeyVersion,
  MAX_IDENTIFIER_KEY_VERSION,
  type ReferenceSpace,
} from '../../../src/identifiers/identifier.ts';
import { ADMIN, linkAudit, openRooms, type Rooms } from '../fixture.ts';

let rooms: Rooms;
let identities: Identities;
beforeEach(async () => {
  rooms = await openRooms();
  identities = identitiesOf();
});
afterEach(() => rooms.close());

const identitiesOf = (store = rooms.stores.customers) =>
  createIdentities({ ...rooms, store, registry: rooms.stores.registry });

const subject = (reference: string, group = 'default', space = 'crm') => ({
  group: group as ChannelGroup,
  space: space as ReferenceSpace,
  reference: reference as CustomerReference,
});

async function identify(
  one: ReturnType<typeof subject>,
  by: Pick<Identities, 'identify'> = identities,
): Promise<CustomerIdentifier> {
  const customer = await by.identify(one);
  if (!customer) throw new Error('the customer is disabled');
  return customer.customerId;
}

async function identifyAll(count: number, by = identities): Promise<CustomerIdentifier[]> {
  const found: CustomerIdentifier[] = [];
  for (let n = 0; n < count; n++) found.push(await identify(subject(`customer-${n}`), by));
  return found;
}

describe('rotating the identifier key', () => {
  it('changes no known identifier of thousands of customers, time after time, and no two are the same', async () => {
    const known = await identifyAll(3_000);
    expect(new Set(known).size).toBe(3_000);
    for (const rotation of [2, 3, 4]) {
      expect(await identities.rotateKey(ADMIN)).toBe(rotation);
      expect(await identifyAll(3_000)).toEqual(known);
    }
    expect(await rooms.stores.customers.count()).toBe(3_000);
  });

  it('gives new customers identifiers under the new key', async () => {
    const before = await identify(subject('known'));
    await identities.rotateKey(ADMIN);
    const after = await identify(subject('new'));
    expect([identifierKeyVersion(before), identifierKeyVersion(after)]).toEqual([1, 2]);
  });

  it('of the index or the sealing key changes none either', async () => {
    const known = await identifyAll(200);
    await rooms.keyring.rotate('identifier-index');
    await rooms.keyring.rotate('reference');
    expect(await identifyAll(200)).toEqual(known);
    expect((await identities.trace(known[7] as string, 'case 1', ADMIN)).reference).toBe('customer-7');
  });

  it('stops when there is no further version character, and says so', async () => {
    for (let version = 2; version <= MAX_IDENTIFIER_KEY_VERSION; version++) {
      expect(await identities.rotateKey(ADMIN)).toBe(version);
    }
    await expect(identities.rotateKey(ADMIN)).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(identifierKeyVersion(await identify(subject('last')))).toBe(MAX_IDENTIFIER_KEY_VERSION);
  });

  it('leaves a record', async () => {
    await identities.rotateKey(ADMIN);
    expect((await rooms.audited()).map(({ event, actor, details }) => [event, actor, details])).toEqual([
      ['identifier.key_rotated', ADMIN.actor, { version: 2 }],
    ]);
  });
});

describe('a customer', () => {
  it('who signs in for the first time in many places at once has one identifier', async () => {
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, n) => identify(subject('4711'), n % 2 ? identities : identitiesOf())),
    );
    expect(new Set(answers).size).toBe(1);
    expect(await rooms.stores.customers.count()).toBe(1);
  });

  it('who signs in for the first time while the key is rotated has one identifier', async () => {
    const answers = await Promise.all([
      ...Array.from({ length: 20 }, () => identify(subject('4711'))),
      identities.rotateKey(ADMIN).then(() => identify(subject('4711'))),
      ...Array.from({ length: 20 }, () => identify(subject('4711'))),
    ]);
    expect(new Set(answers).size).toBe(1);
    expect(await identify(subject('4711'))).toBe(answers[0]);
  });

  it('has identifiers in two groups that nobody can link', async () => {
    const pairs = await Promise.all(
      Array.from({ length: 200 }, async (_, n) => [
        await identify(subject(`k-${n}`, 'north')),
        await identify(subject(`k-${n}`, 'south')),
      ]),
    );
    const all = pairs.flat();
    expect(new Set(all).size).toBe(400);
    // Nothing of the one stands in the other beyond what chance gives 32 base32 characters: one in 32 places.
    const equalPlaces = pairs.map(
      ([a = '', b = '']) =>
        a
          .slice(2)
          .split('')
          .filter((c, at) => b[at + 2] === c).length,
    );
    expect(equalPlaces.reduce((sum, places) => sum + places, 0) / 200).toBeLessThan(1.5);
    const rows = await Promise.all(all.map((id) => rooms.stores.customers.findByIdentifier(id)));
    for (const column of ['subjectIndex', 'sealedReference'] as const) {
      expect(new Set(rows.map((row) => row?.[column])).size).toBe(400);
    }
  });

  it('of the same reference in another space is another person', async () => {
    expect(await identify(subject('4711', 'default', 'crm'))).not.toBe(
      await identify(subject('4711', 'default', 'shop')),
    );
  });

  it('whose identifier another one holds already gets a random one, never the same', async () => {
    const { key } = rooms.keyring.current('identifier');
    const wanted = deriveIdentifier(key, 1, subject('4711'));
    await rooms.stores.customers.pin({
      customerId: wanted,
      group: 'default' as ChannelGroup,
      space: 'crm' as ReferenceSpace,
      subjectIndex: 'index of somebody else',
      sealedReference: 'sealed',
      createdAtMs: 0,
    });
    const given = await identify(subject('4711'));
    expect(given).not.toBe(wanted);
    expect(await identify(subject('4711'))).toBe(given);
  });

  it('has a reference that stands in clear in no column', async () => {
    const id = await identify(subject('kundin-mueller-4711'));
    const row = await rooms.stores.customers.findByIdentifier(id);
    const text = JSON.stringify(row);
    for (const form of ['utf8', 'hex', 'base64', 'base64url'] as const) {
      expect(text).not.toContain(Buffer.from('kundin-mueller-4711').toString(form));
    }
  });
});

describe('tracing', () => {
  const tracedRecord = async () =>
    (await rooms.stores.audit.readChain(CHANGES_CHAIN, 0, 10)).find(
      ({ event }) => event === 'customer.traced',
    );

  it('gives group, space and reference, and has written who asked and why before it answers', async () => {
    const id = await identify(subject('4711', 'north'));
    const order: string[] = [];
    const watched = identitiesOf({
      ...rooms.stores.customers,
      recordLookup: async (record) => {
        await rooms.stores.customers.recordLookup(record);
        order.push('recorded');
      },
    });
    const found = await watched.trace(id, 'court order 12/26', ADMIN);
    order.push('answered');
    expect(found).toEqual({
      customerId: id,
      group: 'north',
      space: 'crm',
      reference: '4711',
      pinnedAtMs: rooms.clock.nowMs(),
    });
    expect(order).toEqual(['recorded', 'answered']);
    const record = await tracedRecord();
    expect(record).toMatchObject({
      ...ADMIN,
      event: 'customer.traced',
      outcome: 'success',
      customerId: id,
      reason: 'court order 12/26',
    });
    expect(JSON.stringify(record)).not.toMatch(/\b4711\b/);
  });

  it('gives no answer when its record cannot be written', async () => {
    const id = await identify(subject('4711'));
    const broken = identitiesOf({
      ...rooms.stores.customers,
      recordLookup: () => Promise.reject(new Error('disk full')),
    });
    await expect(broken.trace(id, 'case 1', ADMIN)).rejects.toThrow('disk full');
  });

  it.each(['c1aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'not an identifier', '', "' or 1=1 --"])(
    'of %j, whom nobody is, says so and is recorded too',
    async (text) => {
      await identify(subject('4711'));
      await expect(identities.trace(text, 'case 2', ADMIN)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      const record = await tracedRecord();
      expect(record).toMatchObject({ event: 'customer.traced', outcome: 'refused', reason: 'case 2' });
    },
  );

  it('still works after every key that can be rotated was rotated', async () => {
    const id = await identify(subject('4711'));
    for (const purpose of ['identifier', 'identifier-index', 'reference'] as const) {
      await rooms.keyring.rotate(purpose);
      await rooms.keyring.rotate(purpose);
    }
    expect((await identities.trace(id, 'case 3', ADMIN)).reference).toBe('4711');
  });
});

it('the audit log of first sign-ins is whole and names no reference', async () => {
  await identify(subject('kundin-4711'));
  await rooms.audit.flush();
  const chains = await verifyChains(rooms.stores.audit, linkAudit);
  expect(chains.filter(({ ok }) => !ok)).toEqual([]);
  expect((await rooms.audited()).map(({ event }) => event)).toContain('customer.pinned');
  expect(JSON.stringify([await rooms.audited(), rooms.lines])).not.toContain('kundin-4711');
});
