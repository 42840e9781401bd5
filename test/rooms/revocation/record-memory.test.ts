import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRecordMemory, type RecordMemory } from '../../../src/revocation/record-memory.ts';
import { createRevocations, type Revocations } from '../../../src/revocation/revocations.ts';
import { openRooms, type Rooms } from '../fixture.ts';

interface Stored {
  id: string;
  label: string;
}

const KEEP_MS = 5_000;

/** A process with records in memory; `stored` is what the database holds. */
function processWith(rooms: Rooms, revocations: Revocations, stored: Map<string, Stored>) {
  let asked = 0;
  const memory: RecordMemory<Stored> = createRecordMemory<Stored>({
    revocations,
    clock: rooms.clock,
    kind: 'client_record',
    idOf: ({ id }) => id,
    keepMs: KEEP_MS,
    maxRecords: 3,
  });
  const ask = async (id: string) => {
    asked += 1;
    return stored.get(id);
  };
  return {
    memory,
    look: async (id: string) => memory.recall(id) ?? (await memory.read(id, () => ask(id))),
    asked: () => asked,
  };
}

describe('a remembered record', () => {
  let rooms: Rooms;
  let stored: Map<string, Stored>;
  let here: ReturnType<typeof processWith>;
  let there: ReturnType<typeof processWith>;
  let revocationsThere: Revocations;
  beforeEach(async () => {
    rooms = await openRooms();
    stored = new Map([['a', { id: 'a', label: 'old' }]]);
    revocationsThere = createRevocations({ store: rooms.stores.revocations, clock: rooms.clock });
    here = processWith(rooms, rooms.revocations, stored);
    there = processWith(rooms, revocationsThere, stored);
  });
  afterEach(() => rooms.close());
  const rename = () => stored.set('a', { id: 'a', label: 'new' });

  it('is asked for once while it is kept, and again afterwards', async () => {
    await here.look('a');
    rooms.clock.advance(KEEP_MS - 1);
    await here.look('a');
    expect(here.asked()).toBe(1);
    rooms.clock.advance(1);
    await here.look('a');
    expect(here.asked()).toBe(2);
  });

  it('is read again at once where it was changed', async () => {
    await here.look('a');
    rename();
    await here.memory.changed('a');
    expect(await here.look('a')).toMatchObject({ label: 'new' });
  });

  it('is read again in another process after its next look at the revocations', async () => {
    await there.look('a');
    rename();
    await here.memory.changed('a');
    await revocationsThere.refresh();
    rooms.clock.advance(250);
    expect(await there.look('a')).toMatchObject({ label: 'new' });
  });

  it('that was written with its change counts as soon as it is noticed', async () => {
    await here.look('a');
    rename();
    await rooms.stores.revocations.add([here.memory.changeOf('a')]);
    await here.memory.noticed();
    expect(await here.look('a')).toMatchObject({ label: 'new' });
  });

  it('is not kept of a look that the change overtook', async () => {
    const { promise, resolve } = Promise.withResolvers<Stored | undefined>();
    const reading = here.memory.read('a', () => promise);
    rename();
    const changing = here.memory.changed('a');
    resolve({ id: 'a', label: 'old' });
    await Promise.all([reading, changing]);
    expect(await here.look('a')).toMatchObject({ label: 'new' });
  });

  it('is not kept of a look that began before the change and ended after it', async () => {
    const { promise, resolve } = Promise.withResolvers<Stored | undefined>();
    const reading = here.memory.read('a', () => promise);
    rename();
    await here.memory.changed('a');
    resolve({ id: 'a', label: 'old' });
    await reading;
    expect(await here.look('a')).toMatchObject({ label: 'new' });
  });

  it('is not believed when the clock was set back behind the look', async () => {
    await here.look('a');
    rooms.clock.jump(-1);
    await here.look('a');
    expect(here.asked()).toBe(2);
  });

  it('of nobody is not remembered, and no number of records fills the memory', async () => {
    expect(await here.look('nobody')).toBeUndefined();
    expect(await here.look('nobody')).toBeUndefined();
    expect(here.asked()).toBe(2);
    for (const id of ['b', 'c', 'd', 'e']) stored.set(id, { id, label: id });
    for (const id of ['b', 'c', 'd', 'e']) await here.look(id);
    expect(['b', 'c', 'd', 'e'].filter((id) => here.memory.recall(id) !== undefined)).toEqual(['e']);
  });
});
