import { expect, it } from 'vitest';
import { cleanUp } from '../../../src/service/clean-up.ts';
import { openRooms } from '../fixture.ts';

const LIFETIMES = { idleSeconds: 1_800, absoluteSeconds: 28_800 };
const HOUR_MS = 3_600_000;

async function open() {
  const rooms = await openRooms();
  const { sessions, replays } = rooms.stores;
  const tasks = cleanUp({ clock: rooms.clock, sessions, replays, lifetimes: LIFETIMES });
  return {
    clock: rooms.clock,
    sessions,
    replays,
    run: async () => {
      for (const task of tasks) await task.run();
    },
    [Symbol.asyncDispose]: () => rooms.close(),
  };
}

it('what was used up is still used up when a clock that was put forwards is put right', async () => {
  await using t = await open();
  const endsAtMs = t.clock.nowMs() + 660_000;
  expect(await t.replays.consume('signature-v1', 'one', endsAtMs)).toBe('fresh');
  t.clock.jump(24 * HOUR_MS);
  await t.run();
  t.clock.advance(300_000);
  await t.run();
  t.clock.jump(-24 * HOUR_MS);
  await t.run();
  expect(await t.replays.consume('signature-v1', 'one', endsAtMs)).toBe('replayed');
  t.clock.advance(400_000);
  await t.run();
  expect(await t.replays.consume('signature-v1', 'one', endsAtMs)).toBe('fresh');
});

it('a session that a clock was set back under does not come to life when its time comes', async () => {
  await using t = await open();
  const startMs = t.clock.nowMs();
  await t.sessions.write('from before', 'data', startMs + 1_800_000);
  t.clock.jump(-HOUR_MS);
  await t.sessions.write('from now', 'data', t.clock.nowMs() + 1_800_000);
  await t.run();
  expect(await t.sessions.read('from before', startMs)).toBeUndefined();
  expect(await t.sessions.read('from now', t.clock.nowMs())).toBe('data');
});

it('sessions that outlive the idle time of today’s settings are left alone while the clock goes on as it should', async () => {
  await using t = await open();
  await t.sessions.write('long', 'data', t.clock.nowMs() + 8 * HOUR_MS);
  t.clock.advance(60_000);
  await t.run();
  expect(await t.sessions.read('long', t.clock.nowMs())).toBe('data');
});
