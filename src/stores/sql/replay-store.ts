import type { ReplayStore } from '../../replay/replay.ts';
import { insertedRows } from './rows.ts';
import type { Database } from './schema.ts';

/** Ids that were used up. The primary key decides who was first. */
export function createReplayStore(db: Database): ReplayStore {
  return {
    async consume(space, id, expiresAtMs) {
      const result = await db
        .insertInto('replays')
        .values({ space, id, expires_at_ms: expiresAtMs })
        .onConflict((c) => c.doNothing())
        .executeTakeFirst();
      return insertedRows(result) === 1 ? 'fresh' : 'replayed';
    },
    async prune(nowMs) {
      const result = await db.deleteFrom('replays').where('expires_at_ms', '<=', nowMs).executeTakeFirst();
      return Number(result.numDeletedRows);
    },
  };
}
