import type { ChannelCallStore } from '../../customers/channel-proofs/channel-calls.ts';
import type { Database } from './schema.ts';

export function createChannelCallStore(db: Database): ChannelCallStore {
  return {
    async add(counts) {
      if (counts.length === 0) return;
      // In one order everywhere, so that two processes that add at once never wait for each other in a ring.
      const ordered = counts.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
      await db
        .insertInto('channel_calls')
        .values(ordered)
        .onConflict((c) =>
          c
            .columns(['channel', 'day', 'proof', 'outcome'])
            .doUpdateSet((eb) => ({ calls: eb('channel_calls.calls', '+', eb.ref('excluded.calls')) })),
        )
        .execute();
    },
    async since(day) {
      return db
        .selectFrom('channel_calls')
        .selectAll()
        .where('day', '>=', day)
        .orderBy('channel')
        .orderBy('day', 'desc')
        .orderBy('proof')
        .orderBy('outcome')
        .execute();
    },
    async prune(day) {
      await db.deleteFrom('channel_calls').where('day', '<', day).execute();
    },
  };
}

const keyOf = (one: { channel: string; day: string; proof: string; outcome: string }): string =>
  `${one.channel} ${one.day} ${one.proof} ${one.outcome}`;
