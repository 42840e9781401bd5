import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRefreshFamilies, type RefreshFamilies } from '../../../src/tokens/refresh-families.ts';
import { newFamilyId } from '../../../src/tokens/refresh-token-text.ts';
import type { Revocation } from '../../../src/revocation/revocation-types.ts';
import { openRooms, type Rooms } from '../fixture.ts';

const IDLE_MS = 3_600_000;
const ABSOLUTE_MS = 86_400_000;

let rooms: Rooms;
let families: RefreshFamilies<{ note: string }>;
let revoked: Revocation[];

beforeEach(async () => {
  rooms = await openRooms();
  revoked = [];
  const { stores, keyring, clock, revocations } = rooms;
  families = createRefreshFamilies({
    store: stores.refreshFamilies,
    keyring,
    clock,
    revocations: {
      ...revocations,
      revoke: (rows) => {
        revoked.push(...rows);
        return revocations.revoke(rows);
      },
    },
    lifetimes: { idleSeconds: 3_600, absoluteSeconds: 86_400 },
    maxTokenLifetimeSeconds: 900,
  });
});
afterEach(() => rooms.close());

const begin = (change: Partial<Parameters<typeof families.begin>[0]> = {}) =>
  families.begin({
    familyId: newFamilyId(),
    holder: 'app',
    customerId: 'c1a',
    payload: { note: 'n' },
    ...change,
  });
const rotate = (token: string) => families.rotate(token, 'app', (_family, successor) => successor);
/** Uses a token up; the one that comes after it. */
async function after(token: string): Promise<string> {
  const rotation = await rotate(token);
  if (rotation.outcome !== 'rotated') throw new Error(rotation.outcome);
  return rotation.answer;
}

describe('what is known of a family', () => {
  it('is when it began, when it was last used, and its two ends', async () => {
    const startMs = rooms.clock.nowMs();
    const familyId = newFamilyId();
    const first = await begin({ familyId });
    const facts = {
      familyId,
      holder: 'app',
      customerId: 'c1a',
      payload: { note: 'n' },
      createdAtMs: startMs,
    };
    expect(await families.inspect(first, 'app')).toEqual({
      ...facts,
      rotatedAtMs: startMs,
      expiresAtMs: startMs + IDLE_MS,
      overAtMs: startMs + ABSOLUTE_MS,
    });
    rooms.clock.advance(1_000);
    const second = await after(first);
    expect(await families.inspect(second, undefined)).toEqual({
      ...facts,
      rotatedAtMs: startMs + 1_000,
      expiresAtMs: startMs + 1_000 + IDLE_MS,
      overAtMs: startMs + ABSOLUTE_MS,
    });
  });

  it('is what its answer is made of', async () => {
    const token = await begin();
    const seen: unknown[] = [];
    const rotation = await families.rotate(token, 'app', (family, successor) => {
      seen.push(family.payload, family.customerId, successor.startsWith('rt_'), successor === token);
      return 'answer';
    });
    expect(rotation).toEqual({ outcome: 'rotated', answer: 'answer' });
    expect(seen).toEqual([{ note: 'n' }, 'c1a', true, false]);
  });

  it('stays, as to whose it is, for tokens of any age', async () => {
    const familyId = newFamilyId();
    const first = await begin({ familyId });
    const second = await after(first);
    for (const token of [first, second]) {
      expect(await families.familyOf(token, 'app')).toBe(familyId);
      expect(await families.familyOf(token, 'other')).toBeUndefined();
    }
    rooms.clock.advance(ABSOLUTE_MS);
    expect(await families.familyOf(second, 'app')).toBe(familyId);
    expect(await families.familyOf('rt_nothing', 'app')).toBeUndefined();
  });

  it('is listed for its customer while it lives, the newest first', async () => {
    const ids = [newFamilyId(), newFamilyId(), newFamilyId()] as const;
    for (const familyId of ids) {
      await begin({ familyId, holder: `app-${familyId}` });
      rooms.clock.advance(1_000);
    }
    await begin({ customerId: 'c1b' });
    const listed = async () => (await families.list('c1a')).map(({ familyId }) => familyId);
    expect(await listed()).toEqual([...ids].reverse());
    await families.end(ids[1]);
    expect(await listed()).toEqual([ids[2], ids[0]]);
    rooms.clock.advance(IDLE_MS - 2_000);
    expect(await listed()).toEqual([ids[2]]);
    rooms.clock.advance(2_000);
    expect(await listed()).toEqual([]);
  });
});

describe('the end of a family', () => {
  it('is no later than its holder wants it, and no later than its lifetimes allow', async () => {
    const startMs = rooms.clock.nowMs();
    const short = await begin({ endsAtMs: startMs + 5_000 });
    const long = await begin({ endsAtMs: startMs + 10 * ABSOLUTE_MS });
    expect((await families.inspect(short, 'app'))?.overAtMs).toBe(startMs + 5_000);
    expect((await families.inspect(short, 'app'))?.expiresAtMs).toBe(startMs + 5_000);
    expect((await families.inspect(long, 'app'))?.overAtMs).toBe(startMs + ABSOLUTE_MS);
    rooms.clock.advance(4_999);
    expect(await families.inspect(short, 'app')).toBeDefined();
    rooms.clock.advance(1);
    expect(await families.inspect(short, 'app')).toBeUndefined();
    expect(await rotate(short)).toEqual({ outcome: 'refused', reason: 'over' });
  });

  it('is remembered for longer than any token of it can be shown, and meets what is issued this moment', async () => {
    const familyId = newFamilyId();
    await begin({ familyId });
    await families.end(familyId);
    const untilMs = rooms.clock.nowMs() + 900_000 + 60_000;
    expect(revoked).toEqual([{ kind: 'grant', id: familyId, cutoffMs: untilMs, expiresAtMs: untilMs }]);
    expect(rooms.revocations.isRevoked('grant', familyId, rooms.clock.nowMs() + 1)).toBe(true);
  });

  it('is written once, however often an old token comes back', async () => {
    const first = await begin();
    await after(first);
    rooms.clock.advance(10_000);
    for (let i = 0; i < 5; i++) expect((await rotate(first)).outcome).toBe('refused');
    expect(revoked).toHaveLength(1);
  });

  it('comes with the end of everything that the customer was given', async () => {
    const token = await begin();
    const nowMs = rooms.clock.nowMs();
    await rooms.revocations.revoke([
      { kind: 'customer', id: 'c1a', cutoffMs: nowMs, expiresAtMs: nowMs + ABSOLUTE_MS },
    ]);
    expect(await families.inspect(token, 'app')).toBeUndefined();
    expect(await rotate(token)).toEqual({ outcome: 'refused', reason: 'over' });
    rooms.clock.advance(1);
    expect(await families.inspect(await begin(), 'app')).toBeDefined();
  });

  it('of all of a holder leaves the tokens of other holders and customers alone', async () => {
    const mine = await begin();
    const theirs = await begin({ customerId: 'c1b' });
    await families.endAllOf('c1a', 'app');
    expect(await families.inspect(mine, 'app')).toBeUndefined();
    expect(await families.inspect(theirs, 'app')).toBeDefined();
    expect(revoked.map(({ kind }) => kind)).toEqual(['grant']);
    expect(await families.prune()).toBe(0);
  });
});

describe('a token that was used', () => {
  it('gets the same answer for ten seconds, and from then on ends the family', async () => {
    const familyId = newFamilyId();
    const first = await begin({ familyId });
    const second = await after(first);
    rooms.clock.advance(9_999);
    expect(await rotate(first)).toMatchObject({ outcome: 'replayed', answer: second });
    rooms.clock.advance(1);
    expect(await rotate(first)).toEqual({
      outcome: 'refused',
      reason: 'reused',
      familyId,
      customerId: 'c1a',
    });
    expect(await families.inspect(second, 'app')).toBeUndefined();
  });

  it('gets it no more once its successor was used', async () => {
    const first = await begin();
    await after(await after(first));
    expect(await rotate(first)).toMatchObject({ outcome: 'refused', reason: 'reused' });
  });

  it('by many at once gives all of them one answer', async () => {
    const token = await begin();
    const answers = await Promise.all(Array.from({ length: 20 }, () => rotate(token)));
    const texts = answers.map((one) => (one.outcome === 'refused' ? one.reason : one.answer));
    expect(new Set(texts).size).toBe(1);
    expect(answers.filter(({ outcome }) => outcome === 'rotated')).toHaveLength(1);
    expect(await families.inspect(texts[0] as string, 'app')).toBeDefined();
  });

  it('while another was faster, and beyond the ten seconds, ends the family', async () => {
    const token = await begin();
    const slow = await families.rotate(token, 'app', async (_family, successor) => {
      await after(token);
      rooms.clock.advance(10_000);
      return successor;
    });
    expect(slow).toMatchObject({ outcome: 'refused', reason: 'reused' });
  });
});

describe('a token', () => {
  it('is one of its own each time, of one form and length', async () => {
    const tokens = [await begin(), await begin()];
    tokens.push(await after(tokens[0] as string));
    expect(new Set(tokens).size).toBe(3);
    for (const token of tokens) expect(token).toMatch(/^rt_[A-Za-z0-9_-]{91}$/);
    expect(newFamilyId()).toMatch(/^[A-Za-z0-9_-]{22}$/);
  });

  it('of another prefix, or longer than any of ours, is none', async () => {
    const token = await begin();
    for (const other of [token.slice(3), `xx_${token.slice(3)}`, `rt_${token}`, `${token}${'A'.repeat(100)}`])
      expect(await rotate(other)).toEqual({ outcome: 'refused', reason: 'unknown' });
  });
});
