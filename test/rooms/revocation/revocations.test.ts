import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Revocation, RevocationKind } from '../../../src/revocation/revocation-types.ts';
import { createRevocations, type Revocations } from '../../../src/revocation/revocations.ts';
import { openRooms, type Rooms } from '../fixture.ts';

let rooms: Rooms;
let here: Revocations;
let there: Revocations;

beforeEach(async () => {
  rooms = await openRooms();
  here = rooms.revocations;
  there = createRevocations({ store: rooms.stores.revocations, clock: rooms.clock });
});
afterEach(() => rooms.close());

const now = () => rooms.clock.nowMs();
const of = (id: string, changes: Partial<Revocation> = {}): Revocation => ({
  kind: 'session',
  id,
  cutoffMs: now(),
  expiresAtMs: now() + 600_000,
  ...changes,
});

describe('a revocation', () => {
  it('holds in this process as soon as it was made', async () => {
    expect(here.isRevoked('session', 's1', now())).toBe(false);
    await here.revoke([of('s1')]);
    expect(here.isRevoked('session', 's1', now())).toBe(true);
  });

  it('holds in another process after its next look, and after a restart', async () => {
    await here.revoke([of('s1'), of('s2')]);
    expect(there.isRevoked('session', 's1', now())).toBe(false);
    await there.refresh();
    expect([there.isRevoked('session', 's1', now()), there.isRevoked('session', 's2', now())]).toEqual([
      true,
      true,
    ]);
    await here.revoke([of('s3')]);
    await there.refresh();
    expect(there.isRevoked('session', 's3', now())).toBe(true);
    const restarted = createRevocations({ store: rooms.stores.revocations, clock: rooms.clock });
    await restarted.refresh();
    for (const id of ['s1', 's2', 's3']) expect(restarted.isRevoked('session', id, now())).toBe(true);
  });

  it('concerns its own kind and id alone', async () => {
    await here.revoke([of('x')]);
    const kinds: RevocationKind[] = ['customer', 'client', 'api_key', 'partner', 'token'];
    for (const kind of kinds) expect(here.isRevoked(kind, 'x', now())).toBe(false);
    expect(here.isRevoked('session', 'x2', now())).toBe(false);
    expect(here.isRevoked('session', '', now())).toBe(false);
  });

  it('ends what was issued up to its moment and leaves what comes later', async () => {
    await here.revoke([of('c1', { kind: 'customer' })]);
    expect(here.isRevoked('customer', 'c1', now() - 1)).toBe(true);
    expect(here.isRevoked('customer', 'c1', now())).toBe(true);
    expect(here.isRevoked('customer', 'c1', now() + 1)).toBe(false);
  });

  it('is never weakened by a second one, in whatever order they are read', async () => {
    const late = of('c1', { cutoffMs: now() + 5_000, expiresAtMs: now() + 900_000 });
    const early = of('c1', { cutoffMs: now() - 5_000, expiresAtMs: now() + 100_000 });
    await here.revoke([late]);
    await here.revoke([early]);
    await there.refresh();
    for (const one of [here, there]) expect(one.isRevoked('session', 'c1', now() + 4_000)).toBe(true);
    rooms.clock.advance(200_000);
    for (const one of [here, there]) expect(one.isRevoked('session', 'c1', late.cutoffMs)).toBe(true);
  });

  it('goes when nothing that it ends can still be alive, from memory and from the database', async () => {
    await here.revoke([of('s1'), of('s2', { expiresAtMs: now() + 180_000_000 })]);
    rooms.clock.advance(600_000);
    expect(here.isRevoked('session', 's1', 0)).toBe(false);
    rooms.clock.advance(100_000_000);
    await here.refresh();
    const { revocations } = await rooms.stores.revocations.since(0, 0);
    expect(revocations.map(({ id }) => id)).toEqual(['s2']);
    expect(here.isRevoked('session', 's2', 0)).toBe(true);
  });

  it('still holds after a clock that was a day ahead is put right, here and in a process that began meanwhile', async () => {
    await here.revoke([of('s1', { expiresAtMs: now() + 900_000 })]);
    rooms.clock.jump(86_400_000);
    expect(here.isRevoked('session', 's1', 0)).toBe(false);
    await here.refresh();
    const begun = createRevocations({ store: rooms.stores.revocations, clock: rooms.clock });
    await begun.refresh();
    rooms.clock.jump(-86_400_000);
    for (const one of [here, begun]) {
      await one.refresh();
      expect(one.isRevoked('session', 's1', 0)).toBe(true);
    }
  });

  it('of many at once is missed by nobody', async () => {
    await Promise.all(Array.from({ length: 100 }, (_, n) => (n % 2 ? here : there).revoke([of(`s${n}`)])));
    await Promise.all([here.refresh(), there.refresh()]);
    for (let n = 0; n < 100; n++) {
      expect([
        n,
        here.isRevoked('session', `s${n}`, now()),
        there.isRevoked('session', `s${n}`, now()),
      ]).toEqual([n, true, true]);
    }
  });
});

describe('a look at a failing database', () => {
  it('fails, and the next one misses nothing', async () => {
    let away = true;
    const store = {
      ...rooms.stores.revocations,
      since: async (sequence: number, nowMs: number) => {
        if (away) throw new Error('away');
        return rooms.stores.revocations.since(sequence, nowMs);
      },
    };
    await here.revoke([of('s1')]);
    const elsewhere = createRevocations({ store, clock: rooms.clock });
    await expect(elsewhere.refresh()).rejects.toThrow('away');
    away = false;
    await elsewhere.refresh();
    expect(elsewhere.isRevoked('session', 's1', now())).toBe(true);
  });
});
