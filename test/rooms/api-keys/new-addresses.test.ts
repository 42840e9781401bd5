import { describe, expect, it } from 'vitest';
import { createNewAddresses, type CredentialSighting } from '../../../src/api-keys/new-addresses.ts';
import { BridgeError } from '../../../src/errors.ts';
import type { ReplayStore } from '../../../src/replay/replay.ts';
import { createTestClock } from '../../support/clock.ts';

const DAY_MS = 86_400_000;

function watching() {
  const clock = createTestClock();
  const used = new Map<string, number>();
  const pending: Promise<unknown>[] = [];
  let away = false;
  const consume: ReplayStore['consume'] = (_space, id, expiresAtMs) => {
    const answer = away
      ? Promise.reject(new BridgeError('STORE_UNAVAILABLE'))
      : Promise.resolve((used.get(id) ?? 0) > clock.nowMs() ? ('replayed' as const) : ('fresh' as const));
    if (!away) used.set(id, expiresAtMs);
    pending.push(answer);
    return answer;
  };
  const told: CredentialSighting[] = [];
  const start = () =>
    createNewAddresses({ replays: { consume }, clock, onNew: (one) => void told.push(one) });
  let addresses = start();
  /** Lets every question to the store be answered, and those that follow from the answers. */
  const settle = async () => {
    for (let seen = -1; seen !== pending.length; ) {
      seen = pending.length;
      await Promise.allSettled(pending);
      await Promise.resolve();
      await Promise.resolve();
    }
  };
  return {
    clock,
    asked: () => pending.length,
    restart: () => (addresses = start()),
    setAway: (is: boolean) => (away = is),
    /** Addresses that were told so far. */
    use: async (address: string, id = 'ak_1') => {
      addresses.note({ kind: 'api_key', id, partner: 'north', keyPrefix: 'pk_live_abc', address });
      await settle();
      return told.map((one) => one.address);
    },
    flood: async (count: number) => {
      for (let i = 0; i < count; i++) {
        addresses.note({
          kind: 'api_key',
          id: 'ak_1',
          partner: 'north',
          address: `2001:db8:${i.toString(16)}::1`,
        });
      }
      const asked = pending.length;
      await settle();
      return asked;
    },
  };
}

describe('networks of a credential', () => {
  it('are told from the second on, each once', async () => {
    const w = watching();
    expect(await w.use('192.0.2.1')).toEqual([]);
    expect(await w.use('192.0.2.2')).toEqual(['192.0.2.2']);
    expect(await w.use('192.0.2.1')).toEqual(['192.0.2.2']);
    expect(await w.use('192.0.2.2')).toEqual(['192.0.2.2']);
  });

  it('are the whole /64 for IPv6, and an IPv4 address however it is written', async () => {
    const w = watching();
    await w.use('2001:db8::1');
    expect(await w.use('2001:db8::ffff:1')).toEqual([]);
    expect(await w.use('192.0.2.1')).toEqual(['192.0.2.1']);
    expect(await w.use('::ffff:192.0.2.1')).toEqual(['192.0.2.1']);
  });

  it('belong to that credential alone', async () => {
    const w = watching();
    await w.use('192.0.2.1', 'ak_1');
    expect(await w.use('192.0.2.2', 'ak_2')).toEqual([]);
    expect(await w.use('192.0.2.1', 'ak_2')).toEqual(['192.0.2.1']);
  });

  it('are remembered over a restart', async () => {
    const w = watching();
    await w.use('192.0.2.1');
    await w.use('192.0.2.2');
    w.restart();
    expect(await w.use('192.0.2.2')).toEqual(['192.0.2.2']);
  });

  it('stay known for as long as they are used, and are new again after sixty days without', async () => {
    const w = watching();
    await w.use('192.0.2.1');
    await w.use('192.0.2.2');
    for (let month = 0; month < 6; month++) {
      w.clock.advance(29 * DAY_MS);
      await w.use('192.0.2.1');
      expect(await w.use('192.0.2.2')).toEqual(['192.0.2.2']);
    }
    for (let month = 0; month < 3; month++) {
      w.clock.advance(29 * DAY_MS);
      await w.use('192.0.2.1');
    }
    expect(await w.use('192.0.2.2')).toEqual(['192.0.2.2', '192.0.2.2']);
  });

  it('that the store could not be asked about are asked about again, and told then', async () => {
    const w = watching();
    await w.use('192.0.2.1');
    w.setAway(true);
    expect(await w.use('192.0.2.2')).toEqual([]);
    w.setAway(false);
    expect(await w.use('192.0.2.2')).toEqual(['192.0.2.2']);
  });

  it('cost the store nothing once they are known', async () => {
    const w = watching();
    await w.use('192.0.2.1');
    const asked = w.asked();
    for (let i = 0; i < 100; i++) await w.use('192.0.2.1');
    expect(w.asked()).toBe(asked);
  });

  it('that change faster than the store answers make no queue', async () => {
    const w = watching();
    expect(await w.flood(5_000)).toBeLessThanOrEqual(256);
    for (let i = 0; i < 300; i++) await w.use(`192.0.2.${i % 250}`, `ak_${i}`);
    const asked = w.asked();
    await w.use('198.51.100.1');
    expect(w.asked()).toBeGreaterThan(asked);
  });
});
