import type { ChannelVisitStore } from '../../customers/channel-proofs/channel-visits.ts';
import type { Database } from './schema.ts';

export function createChannelVisitStore(db: Database): ChannelVisitStore {
  return {
    async keep({ sid, channel, customerId, authTimeMs, expiresAtMs }) {
      await db
        .insertInto('channel_visits')
        .values({
          sid,
          channel,
          customer_id: customerId,
          auth_time_ms: authTimeMs,
          expires_at_ms: expiresAtMs,
        })
        .onConflict((c) =>
          c.columns(['sid', 'channel']).doUpdateSet((eb) => ({
            customer_id: eb.ref('excluded.customer_id'),
            auth_time_ms: eb.ref('excluded.auth_time_ms'),
            expires_at_ms: eb.ref('excluded.expires_at_ms'),
          })),
        )
        .execute();
    },
    async of({ channel, customerIds, nowMs }) {
      const rows = await db
        .selectFrom('channel_visits')
        .selectAll()
        .where('customer_id', 'in', [...customerIds])
        .where('channel', '=', channel)
        .where('expires_at_ms', '>', nowMs)
        .execute();
      return rows.map((row) => ({
        sid: row.sid,
        channel: row.channel,
        customerId: row.customer_id,
        authTimeMs: row.auth_time_ms,
        expiresAtMs: row.expires_at_ms,
      }));
    },
    async prune(nowMs) {
      await db.deleteFrom('channel_visits').where('expires_at_ms', '<=', nowMs).execute();
    },
  };
}
