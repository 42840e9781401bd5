import type { Clock } from '../platform/clock.ts';
import type { ReplayStore } from '../replay/replay.ts';
import type { RedisConnection } from './redis.ts';

/** Ids that were used up, shared by every node: one `SET NX PX` decides who was first, and Redis forgets by itself. */
export function createRedisReplayStore(redis: RedisConnection, clock: Clock): ReplayStore {
  return {
    async consume(space, id, expiresAtMs) {
      const ttlMs = Math.max(1, Math.ceil(expiresAtMs - clock.nowMs()));
      const answer = await redis.client.set(`symbolon:replay:${space}:${id}`, '1', {
        condition: 'NX',
        expiration: { type: 'PX', value: ttlMs },
      });
      return answer === null ? 'replayed' : 'fresh';
    },
    prune: () => Promise.resolve(0),
  };
}
