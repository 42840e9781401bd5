import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type {
  ChannelGroup,
  CustomerIdentifier,
  CustomerReference,
  ReferenceSpace,
} from '../../../src/identifiers/identifier.ts';
import { createSessions, type Sessions } from '../../../src/sessions/sessions.ts';
import { createRevocations } from '../../../src/revocation/revocations.ts';
import { openRooms, type Rooms } from '../fixture.ts';

const LIFETIMES = { idleSeconds: 1_800, absoluteSeconds: 28_800 };
const REFERENCE = 'kundin-4711' as CustomerReference;

let rooms: Rooms;
let sessions: Sessions;

const sessionsWith = (revocations: Rooms['revocations']) =>
  createSessions({
    keyring: rooms.keyring,
    clock: rooms.clock,
    revocations,
    lifetimes: LIFETIMES,
    maxTokenLifetimeSeconds: 28_800,
  });

beforeEach(async () => {
  rooms = await openRooms();
  sessions = sessionsWith(rooms.revocations);
});
afterEach(() => rooms.close());

const start = (customer = 'c1lpcdu3obrwgtjp3esjma6v5577d3yzl4') =>
  sessions.start({
    customerId: customer as CustomerIdentifier,
    group: 'default' as ChannelGroup,
    space: 'crm' as ReferenceSpace,
    reference: REFERENCE,
    channel: 'web',
    authenticator: 'directory',
  });

it('what a session seals is opened once while it is remembered, and by its own session alone', () => {
  let opened = 0;
  const counting = {
    ...rooms.keyring,
    open: (...values: Parameters<Rooms['keyring']['open']>) => {
      opened += 1;
      return rooms.keyring.open(...values);
    },
  };
  const own = createSessions({
    keyring: counting,
    clock: rooms.clock,
    revocations: rooms.revocations,
    lifetimes: LIFETIMES,
    maxTokenLifetimeSeconds: 28_800,
  });
  const session = start();
  expect([own.reference(session), own.reference({ ...session })]).toEqual([REFERENCE, REFERENCE]);
  expect(opened).toBe(1);
  expect(own.reference({ ...session, sid: 'another' })).toBeUndefined();
  expect(own.reference({ ...session, sealedReference: start().sealedReference })).toBeUndefined();
});

describe('a session', () => {
  it('from before the clock was set back is nobody’s until its time comes; clocks a minute apart are in step', () => {
    const session = start();
    rooms.clock.jump(-60_000);
    expect(sessions.isLive(session)).toBe(true);
    rooms.clock.jump(-1_000);
    expect(sessions.isLive(session)).toBe(false);
    rooms.clock.advance(1_000);
    expect(sessions.isLive(session)).toBe(true);
  });

  it('keeps the reference where only we can read it', () => {
    const session = start();
    expect(JSON.stringify(session)).not.toContain(REFERENCE);
    expect(sessions.reference(session)).toBe(REFERENCE);
    expect(sessions.reference({ ...session, sid: start().sid })).toBeUndefined();
    expect(sessions.reference({ ...session, sealedReference: 'x' })).toBeUndefined();
  });

  it('has a handle of its own that nobody can guess', () => {
    const handles = Array.from({ length: 500 }, () => start().sid);
    expect(new Set(handles).size).toBe(500);
    for (const handle of handles) expect(Buffer.from(handle, 'base64url')).toHaveLength(16);
  });

  it('outlives a rotation of the session key', async () => {
    const session = start();
    await rooms.keyring.rotate('session');
    expect(sessions.reference(session)).toBe(REFERENCE);
    expect(start().sealedReference).toMatch(/^2\./);
  });

  it('is over after its absolute life, however much it is used', () => {
    const session = start();
    rooms.clock.advance(28_800_000 - 1);
    expect(sessions.isLive(session)).toBe(true);
    rooms.clock.advance(1);
    expect(sessions.isLive(session)).toBe(false);
  });

  it('ends at once by sign-out, and no other session with it', async () => {
    const [one, other] = [start(), start()];
    await sessions.end(one);
    expect([sessions.isLive(one), sessions.isLive(other)]).toEqual([false, true]);
  });

  it('that was ended takes along a token that another process, which had not heard of it, issued a moment later', async () => {
    const session = start();
    await sessions.end(session);
    expect(rooms.revocations.isRevoked('session', session.sid, rooms.clock.nowMs() + 500)).toBe(true);
  });

  it('ends with all others of its customer, and a later sign-in works', async () => {
    const ended = [start(), start()];
    const foreign = start('c1ig72aqzz2z2wr6ianxqbgfvo4ttjhrzn');
    await sessions.endAll(ended[0]?.customerId as CustomerIdentifier);
    expect(ended.map(sessions.isLive)).toEqual([false, false]);
    expect(sessions.isLive(foreign)).toBe(true);
    rooms.clock.advance(1);
    expect(sessions.isLive(start())).toBe(true);
  });

  it('that was ended stays ended on every process and after a restart, for as long as anything of it can live', async () => {
    const session = start();
    await sessions.end(session);
    const revocations = createRevocations({ store: rooms.stores.revocations, clock: rooms.clock });
    await revocations.refresh();
    expect(sessionsWith(revocations).isLive(session)).toBe(false);
    // A token issued in the last moment of its absolute life outlives it by its own.
    rooms.clock.advance((28_800 + 28_800) * 1000 - 1);
    expect(revocations.isRevoked('session', session.sid, session.authTimeMs)).toBe(true);
  });
});

describe('what is read back from a store', () => {
  it('is a session when it was one', () => {
    const session = start();
    expect(sessions.parse(JSON.parse(JSON.stringify(session)))).toEqual(session);
  });

  it.each([
    ['nothing', undefined],
    ['null', null],
    ['text', 'x'],
    ['an empty record', {}],
  ])('%s is none', (_what, value) => {
    expect(sessions.parse(value)).toBeUndefined();
  });

  it('is none when any member is missing or of another type', () => {
    const session = start();
    const taken = Object.keys(session).filter((name) =>
      [undefined, {}].some((value) => sessions.parse({ ...session, [name]: value }) !== undefined),
    );
    expect(taken).toEqual([]);
  });
});
