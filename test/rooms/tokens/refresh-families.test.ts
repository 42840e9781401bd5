import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRefreshFamilies, type RefreshFamilies } from '../../../src/tokens/refresh-families.ts';
import { newFamilyId } from '../../../src/tokens/refresh-token-text.ts';
import { openRooms, type Rooms } from '../fixture.ts';

interface Payload {
  reference: string;
}

let directory: string;
let rooms: Rooms;
let families: RefreshFamilies<Payload>;

const familiesOf = (of: Rooms) =>
  createRefreshFamilies<Payload>({
    store: of.stores.refreshFamilies,
    keyring: of.keyring,
    clock: of.clock,
    revocations: of.revocations,
    lifetimes: { idleSeconds: 3_600, absoluteSeconds: 86_400 },
    maxTokenLifetimeSeconds: 3_600,
  });

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'symbolon-families-'));
  rooms = await openRooms({ file: join(directory, 'symbolon.db') });
  families = familiesOf(rooms);
});
afterEach(async () => {
  await rooms.close();
  rmSync(directory, { recursive: true, force: true });
});

const begin = (change: Partial<Parameters<typeof families.begin>[0]> = {}) =>
  families.begin({
    familyId: newFamilyId(),
    holder: 'app',
    customerId: 'c1a',
    payload: { reference: 'K-4711' },
    ...change,
  });
const successors: string[] = [];
const rotate = (token: string, holder = 'app') =>
  families.rotate(token, holder, (_family, successor) => {
    successors.push(successor);
    return JSON.stringify({ successor });
  });
const successorOf = async (token: string): Promise<string> => {
  const rotation = await rotate(token);
  if (rotation.outcome === 'refused') throw new Error(rotation.reason);
  return (JSON.parse(rotation.answer) as { successor: string }).successor;
};

describe('a refresh family', () => {
  it('from before the clock was set back renews nothing until its time comes, and is not ended by being tried', async () => {
    const token = await begin();
    rooms.clock.jump(-3_600_000);
    expect(await rotate(token)).toEqual({ outcome: 'refused', reason: 'over' });
    rooms.clock.jump(3_600_000);
    expect((await rotate(token)).outcome).toBe('rotated');
  });

  it('gives its holder what was kept, and nobody else', async () => {
    const token = await begin();
    expect(await families.inspect(token, 'app')).toMatchObject({
      customerId: 'c1a',
      payload: { reference: 'K-4711' },
    });
    expect(await families.inspect(token, 'other')).toBeUndefined();
    expect(await rotate(token, 'other')).toEqual({ outcome: 'refused', reason: 'unknown' });
    expect(await families.inspect(token, 'app')).toBeDefined();
  });

  it('leaves nothing in the database that could be presented, or that names the customer', async () => {
    const first = await begin();
    const second = await successorOf(first);
    const dump = readdirSync(directory)
      .map((name) => readFileSync(join(directory, name), 'latin1'))
      .join('');
    expect(dump).toContain('c1a');
    for (const secret of [first, second, first.slice(3), second.slice(3), 'K-4711']) {
      expect(dump).not.toContain(secret);
    }
  });

  it('goes on over a restart and a rotation of every key', async () => {
    const first = await begin();
    for (const purpose of ['grant', 'refresh-token'] as const) await rooms.keyring.rotate(purpose);
    families = familiesOf(rooms);
    const second = await successorOf(first);
    expect((await families.inspect(second, 'app'))?.payload).toEqual({ reference: 'K-4711' });
  });

  it('can be looked at while a lost answer is fetched again', async () => {
    const first = await begin();
    const second = await successorOf(first);
    rooms.clock.advance(9_999);
    expect(await rotate(first)).toMatchObject({ outcome: 'replayed' });
    expect(await families.inspect(second, 'app')).toBeDefined();
    expect(await families.inspect(first, 'app')).toBeUndefined();
  });

  it('is as it was when making the answer fails', async () => {
    const token = await begin();
    const failing = families.rotate(token, 'app', () => {
      throw new Error('no such scope');
    });
    await expect(failing).rejects.toThrow('no such scope');
    expect(await successorOf(token)).toMatch(/^rt_/);
  });

  it('is ended by an old token, with what came of it on every process', async () => {
    const familyId = newFamilyId();
    const first = await begin({ familyId });
    const second = await successorOf(first);
    const third = await successorOf(second);
    expect(await rotate(first)).toEqual({
      outcome: 'refused',
      reason: 'reused',
      familyId,
      customerId: 'c1a',
    });
    expect(await rotate(third)).toEqual({ outcome: 'refused', reason: 'over' });
    expect(rooms.revocations.isRevoked('grant', familyId, rooms.clock.nowMs())).toBe(true);
  });

  it('is not ended by a token with the right family id that was never ours', async () => {
    const token = await begin();
    const bytes = Buffer.from(token.slice(3), 'base64url');
    for (let at = 0; at < bytes.length; at += 5) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] as number) ^ 1;
      const outcome = await rotate(`rt_${changed.toString('base64url')}`);
      expect(outcome).toEqual({ outcome: 'refused', reason: 'unknown' });
    }
    for (const spelling of [`${token}=`, `${token} `, token.slice(0, -1), token.toUpperCase(), `${token}A`]) {
      expect(await rotate(spelling)).toEqual({ outcome: 'refused', reason: 'unknown' });
    }
    expect(await families.inspect(token, 'app')).toBeDefined();
  });

  it('ends while it is being used: the answer that was under way is not given', async () => {
    const familyId = newFamilyId();
    const token = await begin({ familyId });
    const rotation = await families.rotate(token, 'app', async () => {
      await families.end(familyId);
      return 'answer';
    });
    expect(rotation).toEqual({ outcome: 'refused', reason: 'over' });
  });

  it('ends with all of its customer, or of one holder', async () => {
    const [one, two] = [await begin(), await begin({ holder: 'other' })];
    await families.endAllOf('c1a', 'app');
    expect(await families.inspect(one, 'app')).toBeUndefined();
    expect(await families.inspect(two, 'other')).toBeDefined();
    await families.endAllOf('c1a');
    expect(await families.inspect(two, 'other')).toBeUndefined();
  });

  it('is, for those who serve some holders, served by whoever presents its token, and those of others are not', async () => {
    const channels = createRefreshFamilies<Payload>({
      store: rooms.stores.refreshFamilies,
      keyring: rooms.keyring,
      clock: rooms.clock,
      revocations: rooms.revocations,
      lifetimes: (holder) =>
        holder === 'channel:ios' ? { idleSeconds: 10, absoluteSeconds: 20 } : undefined,
      revokedAs: 'session',
      maxTokenLifetimeSeconds: 3_600,
    });
    const makeAnswer = (_family: unknown, successor: string) => successor;
    const familyId = newFamilyId();
    const payload = { reference: 'K-4711' };
    const ours = await channels.begin({ familyId, holder: 'channel:ios', customerId: 'c1a', payload });
    const theirs = await begin();
    expect(await channels.inspect(ours, undefined)).toMatchObject({ familyId });
    expect(await rotate(ours)).toEqual({ outcome: 'refused', reason: 'unknown' });
    for (const holder of [undefined, 'app']) {
      expect(await channels.inspect(theirs, holder)).toBeUndefined();
      expect(await channels.familyOf(theirs, holder)).toBeUndefined();
      const rotation = await channels.rotate(theirs, holder, makeAnswer);
      expect(rotation).toEqual({ outcome: 'refused', reason: 'unknown' });
    }
    expect((await channels.list('c1a')).map((family) => family.familyId)).toEqual([familyId]);
    await expect(
      channels.begin({ familyId: newFamilyId(), holder: 'channel:web', customerId: 'c1a', payload }),
    ).rejects.toThrow(RangeError);
    const isRevoked = (kind: 'grant' | 'session') =>
      rooms.revocations.isRevoked(kind, familyId, rooms.clock.nowMs());
    await channels.end(familyId);
    expect([isRevoked('session'), isRevoked('grant')]).toEqual([true, false]);
  });

  it('of any holder ends, when all of a customer are, with tokens of both names', async () => {
    const familyId = newFamilyId();
    await begin({ familyId, holder: 'channel:ios' });
    await families.endAllOf('c1a');
    for (const kind of ['session', 'grant'] as const) {
      expect(rooms.revocations.isRevoked(kind, familyId, rooms.clock.nowMs())).toBe(true);
    }
  });

  it('is over after its idle life, which each use renews, and after its absolute life', async () => {
    let token = await begin();
    for (let hours = 0; hours < 23; hours++) {
      rooms.clock.advance(3_599_000);
      token = await successorOf(token);
    }
    rooms.clock.advance(3_599_000);
    expect(await successorOf(token)).toMatch(/^rt_/);
    rooms.clock.advance(24_000);
    expect(await rotate(successors.at(-1) as string)).toEqual({ outcome: 'refused', reason: 'over' });
    expect(await families.prune()).toBe(1);
    const idle = await begin();
    rooms.clock.advance(3_600_000);
    expect(await rotate(idle)).toEqual({ outcome: 'refused', reason: 'over' });
  });
});
