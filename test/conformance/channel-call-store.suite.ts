import { describe, expect, it } from 'vitest';
import type { ChannelCallCount } from '../../src/customers/channel-proofs/channel-calls.ts';
import { freshStores, inParallel, type StoreEngine } from './store-fixture.ts';

/** What is promised of the store of channel calls. */
export function channelCallStoreSuite(engine: StoreEngine): void {
  describe('channel calls', () => {
    const at = freshStores(engine);
    const call = (more: Partial<ChannelCallCount> = {}): ChannelCallCount => ({
      channel: 'web',
      day: '2026-01-02',
      proof: 'proven',
      outcome: 'admitted',
      calls: 1,
      ...more,
    });

    it('add up for each channel, day, proof and outcome, and for nothing else', async () => {
      const { channelCalls } = at.stores;
      const kinds = [
        call(),
        call({ channel: 'ios' }),
        call({ day: '2026-01-03' }),
        call({ proof: 'expired' }),
        call({ proof: 'expired', outcome: 'refused' }),
      ];
      await channelCalls.add(kinds);
      await channelCalls.add(kinds.map((one) => ({ ...one, calls: 41 })));
      const read = await channelCalls.since('2026-01-01');
      expect(read).toHaveLength(5);
      expect(read.every(({ calls }) => calls === 42)).toBe(true);
    });

    it('of many writers at once are all counted', async () => {
      const { channelCalls } = at.stores;
      await inParallel(20, (i) =>
        channelCalls.add(i % 2 ? [call(), call({ channel: 'ios' })] : [call({ channel: 'ios' }), call()]),
      );
      expect((await channelCalls.since('2026-01-01')).map(({ channel, calls }) => [channel, calls])).toEqual([
        ['ios', 20],
        ['web', 20],
      ]);
    });

    it('are read from a day on, newest first, and pruned before one', async () => {
      const { channelCalls } = at.stores;
      const days = ['2025-12-31', '2026-01-01', '2026-01-02'];
      await channelCalls.add(days.map((day) => call({ day })));
      const read = async () => (await channelCalls.since('2025-01-01')).map(({ day }) => day);
      expect((await channelCalls.since('2026-01-01')).map(({ day }) => day)).toEqual([
        '2026-01-02',
        '2026-01-01',
      ]);
      await channelCalls.prune('2026-01-01');
      expect(await read()).toEqual(['2026-01-02', '2026-01-01']);
    });

    it('may be none', async () => {
      await at.stores.channelCalls.add([]);
      expect(await at.stores.channelCalls.since('2000-01-01')).toEqual([]);
    });
  });
}
