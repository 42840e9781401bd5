import { afterEach, beforeEach, expect, it } from 'vitest';
import { createTierAssignments, type TierAssignments } from '../../../src/limits/tier-assignments.ts';
import { ADMIN, openRooms, type Rooms } from '../fixture.ts';

let rooms: Rooms;
beforeEach(async () => {
  rooms = await openRooms();
});
afterEach(() => rooms.close());

const open = (): TierAssignments =>
  createTierAssignments({ store: rooms.stores.tierAssignments, audit: rooms.audit });
const gold = { kind: 'key', id: 'ak_1', tier: 'gold' } as const;

it('a key has the tier that was assigned to it at once, and nobody else has it', async () => {
  const assignments = open();
  expect(assignments.find('key', 'ak_1')).toBeUndefined();
  await assignments.assign(gold, ADMIN, { partner: 'acme' });
  expect(assignments.find('key', 'ak_1')).toBe('gold');
  expect(assignments.find('client', 'ak_1')).toBeUndefined();
  expect(assignments.find('key', 'ak_2')).toBeUndefined();
});

it('an assignment reaches another process with its next look, and so does its end', async () => {
  const [here, there] = [open(), open()];
  await here.assign(gold, ADMIN, {});
  await here.assign({ kind: 'client', id: 'cl_1', tier: 'tight' }, ADMIN, {});
  expect(there.find('key', 'ak_1')).toBeUndefined();
  await there.refresh();
  expect([there.find('key', 'ak_1'), there.find('client', 'cl_1')]).toEqual(['gold', 'tight']);
  await here.assign({ ...gold, tier: undefined }, ADMIN, {});
  await there.refresh();
  expect([there.find('key', 'ak_1'), there.find('client', 'cl_1')]).toEqual([undefined, 'tight']);
  expect(here.find('key', 'ak_1')).toBeUndefined();
});

it('a process reads only what changed since its last look', async () => {
  const asked: number[] = [];
  const { tierAssignments: store } = rooms.stores;
  const assignments = createTierAssignments({
    audit: rooms.audit,
    store: {
      assign: store.assign,
      since: (sequence) => {
        asked.push(sequence);
        return store.since(sequence);
      },
    },
  });
  await assignments.assign(gold, ADMIN, {});
  await assignments.refresh();
  await assignments.refresh();
  expect(asked[0]).toBe(0);
  expect(asked[1]).toBeGreaterThan(0);
  expect(asked[2]).toBe(asked[1]);
});

it('who assigned which tier to what is written down', async () => {
  const assignments = open();
  await assignments.assign(gold, ADMIN, { partner: 'acme', keyPrefix: 'pk_live_abc' });
  await assignments.assign({ ...gold, tier: undefined }, ADMIN, { partner: 'acme' });
  const records = (await rooms.audited()).filter(({ event }) => event === 'limits.tier_assigned');
  expect(records).toMatchObject([
    {
      ...ADMIN,
      outcome: 'success',
      partner: 'acme',
      keyPrefix: 'pk_live_abc',
      details: { subject: 'key', id: 'ak_1', tier: 'gold' },
    },
    { outcome: 'success', partner: 'acme', details: { subject: 'key', id: 'ak_1', tier: 'default' } },
  ]);
});
