import type { AuthorizationCodeStore, StoredAuthorizationCode } from '../../oauth/authorization-code.ts';
import { mayBeStored } from './rows.ts';
import type { AuthorizationCodesTable, Database } from './schema.ts';

function codeOf(row: AuthorizationCodesTable): StoredAuthorizationCode {
  return {
    digest: row.digest,
    clientId: row.client_id,
    grantId: row.grant_id,
    sealedPayload: row.sealed_payload,
    createdAtMs: row.created_at_ms,
    expiresAtMs: row.expires_at_ms,
  };
}

/** Authorization codes. The update that marks a code used decides who was first. */
export function createAuthorizationCodeStore(db: Database): AuthorizationCodeStore {
  return {
    async insert(code) {
      await db
        .insertInto('authorization_codes')
        .values({
          digest: code.digest,
          client_id: code.clientId,
          grant_id: code.grantId,
          sealed_payload: code.sealedPayload,
          created_at_ms: code.createdAtMs,
          expires_at_ms: code.expiresAtMs,
          used_at_ms: null,
          reused_at_ms: null,
        })
        .execute();
    },
    async consume(digest, nowMs) {
      if (!mayBeStored(digest)) return { result: 'unknown' };
      const used = await db
        .updateTable('authorization_codes')
        .set({ used_at_ms: nowMs })
        .where('digest', '=', digest)
        .where('used_at_ms', 'is', null)
        .where('expires_at_ms', '>', nowMs)
        .executeTakeFirst();
      const row = await db
        .selectFrom('authorization_codes')
        .selectAll()
        .where('digest', '=', digest)
        .executeTakeFirst();
      if (row && used.numUpdatedRows === 1n) return { result: 'consumed', code: codeOf(row) };
      if (!row || row.used_at_ms === null) return { result: 'unknown' };
      await db
        .updateTable('authorization_codes')
        .set({ reused_at_ms: nowMs })
        .where('digest', '=', digest)
        .execute();
      return { result: 'reused', code: codeOf(row) };
    },
    async wasReused(digest) {
      const row = await db
        .selectFrom('authorization_codes')
        .select('reused_at_ms')
        .where('digest', '=', digest)
        .executeTakeFirst();
      return row?.reused_at_ms != null;
    },
    async prune({ unusedMs, usedMs }) {
      const result = await db
        .deleteFrom('authorization_codes')
        .where((where) =>
          where.or([
            where('expires_at_ms', '<=', usedMs),
            where.and([where('expires_at_ms', '<=', unusedMs), where('used_at_ms', 'is', null)]),
          ]),
        )
        .executeTakeFirst();
      return Number(result.numDeletedRows);
    },
  };
}
