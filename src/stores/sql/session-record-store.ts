import type { Clock } from '../../platform/clock.ts';
import type { SessionRecordStore } from '../../sessions/session.ts';
import { keptQuery } from './kept-query.ts';
import { mayBeStored } from './rows.ts';
import type { Database } from './schema.ts';

/** Sessions in the database. What has expired is gone for every reader, pruned or not, and cannot be brought back. */
export function createSessionRecordStore(db: Database, clock: Clock): SessionRecordStore {
  const readLive = keptQuery(db, () =>
    db.selectFrom('sessions').select('data').where('id_digest', '=', '').where('expires_at_ms', '>', 0),
  );
  return {
    async read(idDigest, nowMs) {
      if (!mayBeStored(idDigest)) return undefined;
      const [row] = await readLive([idDigest, nowMs]);
      return row?.data;
    },
    async write(idDigest, data, expiresAtMs) {
      await db
        .insertInto('sessions')
        .values({ id_digest: idDigest, data, expires_at_ms: expiresAtMs })
        .onConflict((c) => c.column('id_digest').doUpdateSet({ data, expires_at_ms: expiresAtMs }))
        .execute();
    },
    async touch(idDigest, expiresAtMs) {
      await db
        .updateTable('sessions')
        .set({ expires_at_ms: expiresAtMs })
        .where('id_digest', '=', idDigest)
        .where('expires_at_ms', '>', clock.nowMs())
        .execute();
    },
    async destroy(idDigest) {
      await db.deleteFrom('sessions').where('id_digest', '=', idDigest).execute();
    },
    async prune(nowMs, latestMs) {
      const result = await db
        .deleteFrom('sessions')
        .where((eb) =>
          eb.or([
            eb('expires_at_ms', '<=', nowMs),
            eb('expires_at_ms', '>', Math.min(latestMs, Number.MAX_SAFE_INTEGER)),
          ]),
        )
        .executeTakeFirst();
      return Number(result.numDeletedRows);
    },
  };
}
