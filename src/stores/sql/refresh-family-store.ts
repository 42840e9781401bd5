import type { RefreshFamilyStore, StoredRefreshFamily } from '../../tokens/refresh-family.ts';
import { mayBeStored, orNull, orUndefined } from './rows.ts';
import type { Database, RefreshFamiliesTable } from './schema.ts';

function rowOf(family: StoredRefreshFamily): RefreshFamiliesTable {
  return {
    family_id: family.familyId,
    holder: family.holder,
    customer_id: family.customerId,
    sealed_payload: family.sealedPayload,
    generation: family.generation,
    current_digest: family.currentDigest,
    previous_digest: orNull(family.previousDigest),
    sealed_answer: orNull(family.sealedAnswer),
    created_at_ms: family.createdAtMs,
    rotated_at_ms: family.rotatedAtMs,
    idle_expires_at_ms: family.idleExpiresAtMs,
    expires_at_ms: family.expiresAtMs,
    ended_at_ms: orNull(family.endedAtMs),
  };
}

function familyOf(row: RefreshFamiliesTable): StoredRefreshFamily {
  return {
    familyId: row.family_id,
    holder: row.holder,
    customerId: row.customer_id,
    sealedPayload: row.sealed_payload,
    generation: row.generation,
    currentDigest: row.current_digest,
    previousDigest: orUndefined(row.previous_digest),
    sealedAnswer: orUndefined(row.sealed_answer),
    createdAtMs: row.created_at_ms,
    rotatedAtMs: row.rotated_at_ms,
    idleExpiresAtMs: row.idle_expires_at_ms,
    expiresAtMs: row.expires_at_ms,
    endedAtMs: orUndefined(row.ended_at_ms),
  };
}

/** Refresh families. The update that replaces the living token decides who was first. */
export function createRefreshFamilyStore(db: Database): RefreshFamilyStore {
  return {
    async insert(family) {
      await db.insertInto('refresh_families').values(rowOf(family)).execute();
    },
    async find(familyId) {
      if (!mayBeStored(familyId)) return undefined;
      const row = await db
        .selectFrom('refresh_families')
        .selectAll()
        .where('family_id', '=', familyId)
        .executeTakeFirst();
      return row && familyOf(row);
    },
    async listOf(customerId) {
      const rows = await db
        .selectFrom('refresh_families')
        .selectAll()
        .where('customer_id', '=', customerId)
        .where('ended_at_ms', 'is', null)
        .orderBy('created_at_ms', 'desc')
        .orderBy('family_id')
        .execute();
      return rows.map(familyOf);
    },
    async rotate(familyId, presentedDigest, rotation) {
      const result = await db
        .updateTable('refresh_families')
        .set((eb) => ({
          generation: eb('generation', '+', 1),
          current_digest: rotation.currentDigest,
          previous_digest: orNull(rotation.previousDigest),
          sealed_answer: orNull(rotation.sealedAnswer),
          rotated_at_ms: rotation.rotatedAtMs,
          idle_expires_at_ms: rotation.idleExpiresAtMs,
        }))
        .where('family_id', '=', familyId)
        .where('current_digest', '=', presentedDigest)
        .where('ended_at_ms', 'is', null)
        .executeTakeFirst();
      return result.numUpdatedRows === 1n ? 'rotated' : 'lost';
    },
    async end(which, nowMs) {
      let ending = db
        .updateTable('refresh_families')
        .set({ ended_at_ms: nowMs, sealed_answer: null })
        .where('ended_at_ms', 'is', null);
      if ('familyId' in which) ending = ending.where('family_id', '=', which.familyId);
      else {
        ending = ending.where('customer_id', '=', which.customerId);
        if (which.holder !== undefined) ending = ending.where('holder', '=', which.holder);
      }
      return (await ending.returning('family_id').execute()).map((row) => row.family_id);
    },
    async prune(nowMs) {
      const result = await db
        .deleteFrom('refresh_families')
        .where((eb) => eb.or([eb('expires_at_ms', '<=', nowMs), eb('idle_expires_at_ms', '<=', nowMs)]))
        .executeTakeFirst();
      return Number(result.numDeletedRows);
    },
  };
}
