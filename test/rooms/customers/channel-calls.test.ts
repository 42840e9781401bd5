import { afterEach, beforeEach, expect, it } from 'vitest';
import {
  createChannelCalls,
  type ChannelCallCount,
} from '../../../src/customers/channel-proofs/channel-calls.ts';
import { openRooms, type Rooms } from '../fixture.ts';

let rooms: Rooms;
beforeEach(async () => {
  rooms = await openRooms();
});
afterEach(() => rooms.close());

const DAY_MS = 864e5;
const open = (store = rooms.stores.channelCalls) => createChannelCalls({ ...rooms, store });
const totals = (counts: readonly ChannelCallCount[]) =>
  counts.map(({ channel, day, proof, outcome, calls }) => `${day} ${channel} ${proof} ${outcome} ${calls}`);

it('calls are counted on the day on which they came, also across midnight', async () => {
  const calls = open();
  calls.count('web', 'proven', 'admitted');
  calls.count('web', 'proven', 'admitted');
  rooms.clock.advance(DAY_MS);
  calls.count('web', 'proven', 'admitted');
  expect(totals(await calls.recent(2))).toEqual([
    '2026-01-02 web proven admitted 1',
    '2026-01-01 web proven admitted 2',
  ]);
});

it('calls of several processes add up', async () => {
  const [one, other] = [open(), open()];
  for (let i = 0; i < 50; i++) (i % 2 ? one : other).count('web', 'altered', 'refused');
  await Promise.all([one.flush(), other.flush()]);
  expect(totals(await one.recent(1))).toEqual(['2026-01-01 web altered refused 50']);
});

it('what cannot be written is kept and written with the next, nothing twice', async () => {
  let away = true;
  const { channelCalls } = rooms.stores;
  const calls = open({
    ...channelCalls,
    add: (counts) => (away ? Promise.reject(new Error('away')) : channelCalls.add(counts)),
  });
  calls.count('web', 'expired', 'refused');
  await expect(calls.flush()).rejects.toThrow('away');
  calls.count('web', 'expired', 'refused');
  calls.count('ios', 'expired', 'refused');
  away = false;
  await calls.flush();
  await calls.flush();
  expect(totals(await calls.recent(1))).toEqual([
    '2026-01-01 ios expired refused 1',
    '2026-01-01 web expired refused 2',
  ]);
});

it('calls that come while the counts are being written are not lost', async () => {
  const calls = open();
  calls.count('web', 'proven', 'admitted');
  const writing = calls.flush();
  calls.count('web', 'proven', 'admitted');
  await writing;
  expect(totals(await calls.recent(1))).toEqual(['2026-01-01 web proven admitted 2']);
});

it('counts of more than a year are forgotten', async () => {
  const calls = open();
  calls.count('web', 'proven', 'admitted');
  await calls.flush();
  rooms.clock.advance(366 * DAY_MS);
  await calls.prune();
  expect(await rooms.stores.channelCalls.since('2000-01-01')).toEqual([]);
});
