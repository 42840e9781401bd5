import { describe, expect, it } from 'vitest';
import type { ChannelVisit } from '../../src/customers/channel-proofs/channel-visits.ts';
import { freshStores, inParallel, START_MS, type StoreEngine } from './store-fixture.ts';

export const channelVisit = (more: Partial<ChannelVisit> = {}): ChannelVisit => ({
  sid: 's1',
  channel: 'web',
  customerId: 'c1a',
  authTimeMs: START_MS,
  expiresAtMs: START_MS + 1_000,
  ...more,
});

/** What is promised of the store of channel visits. */
export function channelVisitStoreSuite(engine: StoreEngine): void {
  describe('channel visits', () => {
    const at = freshStores(engine);
    const of = (more: { channel?: string; customerIds?: string[]; nowMs?: number } = {}) =>
      at.stores.channelVisits.of({ channel: 'web', customerIds: ['c1a'], nowMs: START_MS, ...more });

    it('are found by channel and any of several customers, until they expire', async () => {
      const { channelVisits } = at.stores;
      await channelVisits.keep(channelVisit());
      await channelVisits.keep(channelVisit({ sid: 's2', customerId: 'c1b' }));
      await channelVisits.keep(channelVisit({ channel: 'ios' }));
      expect(await of()).toEqual([channelVisit()]);
      expect((await of({ customerIds: ['c1a', 'c1b', 'c1c'] })).map(({ sid }) => sid).sort()).toEqual([
        's1',
        's2',
      ]);
      expect(await of({ channel: 'tv' })).toEqual([]);
      expect(await of({ customerIds: ['c1c'] })).toEqual([]);
      expect(await of({ nowMs: START_MS + 999 })).toHaveLength(1);
      expect(await of({ nowMs: START_MS + 1_000 })).toEqual([]);
    });

    it('of one session on one channel are one, the latest', async () => {
      const { channelVisits } = at.stores;
      await channelVisits.keep(channelVisit());
      await channelVisits.keep(channelVisit({ customerId: 'c1b', expiresAtMs: START_MS + 9_000 }));
      expect(await of()).toEqual([]);
      expect(await of({ customerIds: ['c1b'] })).toEqual([
        channelVisit({ customerId: 'c1b', expiresAtMs: START_MS + 9_000 }),
      ]);
      await inParallel(20, () => channelVisits.keep(channelVisit()));
      expect(await of()).toHaveLength(1);
    });

    it('go when they have expired, and no sooner', async () => {
      const { channelVisits } = at.stores;
      await channelVisits.keep(channelVisit());
      await channelVisits.keep(channelVisit({ sid: 's2', expiresAtMs: START_MS + 2_000 }));
      await channelVisits.prune(START_MS + 1_000);
      expect((await of()).map(({ sid }) => sid)).toEqual(['s2']);
    });
  });
}
