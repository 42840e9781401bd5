import { sql } from 'kysely';
import type { SecretUse } from '../../api-keys/api-key.ts';
import type { SecretReplacementStore } from '../../partners/replace-secrets.ts';
import type { DueGrace, KeptSecret, RotationPlan } from '../../partners/secret-rotation.ts';
import type { AuditedChange } from './audited-change.ts';
import { insertRevocations } from './revocation-store.ts';
import { orNull, orUndefined } from './rows.ts';
import type { Database, DatabaseTransaction, SecretColumns } from './schema.ts';

const OWNER_COLUMNS = { api_key_secrets: 'key_id', client_secrets: 'client_id' } as const;

/** The moments of a secret's life, from the columns that both tables of secrets have. */
export function secretMomentsOf(row: SecretColumns) {
  return {
    secretId: row.secret_id,
    createdAtMs: row.created_at_ms,
    expiresAtMs: orUndefined(row.expires_at_ms),
    revokedAtMs: orUndefined(row.revoked_at_ms),
    firstUsedAtMs: orUndefined(row.first_used_at_ms),
    lastUsedAtMs: orUndefined(row.last_used_at_ms),
    graceMs: orUndefined(row.grace_ms),
  };
}

/** The columns that both tables of secrets have. */
export const secretColumnsOf = (secret: KeptSecret) => ({
  secret_id: secret.secretId,
  created_at_ms: secret.createdAtMs,
  expires_at_ms: orNull(secret.expiresAtMs),
  revoked_at_ms: orNull(secret.revokedAtMs),
  first_used_at_ms: orNull(secret.firstUsedAtMs),
  last_used_at_ms: orNull(secret.lastUsedAtMs),
  grace_ms: orNull(secret.graceMs),
  successor_id: null,
});

/** What the tables of secrets do alike: the columns are the same but for the name of the owner's. */
export function createSecretRows(table: keyof typeof OWNER_COLUMNS) {
  const secrets = table as 'client_secrets';
  const owner = sql.ref<string>(`${table}.${OWNER_COLUMNS[table]}`);

  const liveIds = async (trx: DatabaseTransaction, ownerId: string, nowMs: number): Promise<string[]> => {
    const rows = await trx
      .selectFrom(secrets)
      .select('secret_id')
      .where(owner, '=', ownerId)
      .where('revoked_at_ms', 'is', null)
      .where((eb) => eb.or([eb('expires_at_ms', 'is', null), eb('expires_at_ms', '>', nowMs)]))
      .execute();
    return rows.map((row) => row.secret_id);
  };

  return {
    liveIds,

    /** Bounds live secrets by the plan of their replacement. */
    plan: async (
      trx: DatabaseTransaction,
      secretIds: readonly string[],
      { graceMs, latestEndMs, successorId }: RotationPlan & { successorId: string },
    ): Promise<void> => {
      for (const secretId of secretIds) {
        await trx
          .updateTable(secrets)
          .set((eb) => ({
            grace_ms: graceMs,
            successor_id: successorId,
            expires_at_ms: eb
              .case()
              .when('expires_at_ms', '<', latestEndMs)
              .then(eb.ref('expires_at_ms'))
              .else(latestEndMs)
              .end(),
          }))
          .where('secret_id', '=', secretId)
          .execute();
      }
    },

    /** Marks secrets as compromised; how many were not so already. */
    revoke: async (
      trx: DatabaseTransaction,
      ownerId: string,
      secretIds: readonly string[],
      atMs: number,
    ): Promise<number> => {
      if (secretIds.length === 0) return 0;
      const result = await trx
        .updateTable(secrets)
        .set({ revoked_at_ms: atMs })
        .where(owner, '=', ownerId)
        .where('secret_id', 'in', secretIds)
        .where('revoked_at_ms', 'is', null)
        .executeTakeFirst();
      return Number(result.numUpdatedRows);
    },

    /** Replaced secrets whose successor has been used and whose end does not yet follow from that. */
    dueGraces: async (db: Database): Promise<DueGrace[]> => {
      const rows = await db
        .selectFrom(secrets)
        .innerJoin(`${secrets} as successor`, 'successor.secret_id', `${secrets}.successor_id`)
        .select([
          owner.as('owner_id'),
          `${secrets}.secret_id`,
          `${secrets}.grace_ms`,
          `${secrets}.expires_at_ms`,
          'successor.first_used_at_ms',
        ])
        .where(`${secrets}.grace_ms`, 'is not', null)
        .where(`${secrets}.revoked_at_ms`, 'is', null)
        .where('successor.first_used_at_ms', 'is not', null)
        .execute();
      return rows.map((row) => ({
        ownerId: row.owner_id,
        secretId: row.secret_id,
        graceMs: row.grace_ms as number,
        firstUsedAtMs: row.first_used_at_ms as number,
        expiresAtMs: orUndefined(row.expires_at_ms),
      }));
    },

    /** Sets the end that follows from the grace, once. */
    startGrace: async (
      trx: DatabaseTransaction,
      secretId: string,
      expiresAtMs: number,
    ): Promise<'missing' | 'started'> => {
      const result = await trx
        .updateTable(secrets)
        .set({ grace_ms: null, expires_at_ms: expiresAtMs })
        .where('secret_id', '=', secretId)
        .where('grace_ms', 'is not', null)
        .where('revoked_at_ms', 'is', null)
        .executeTakeFirst();
      return result.numUpdatedRows === 0n ? 'missing' : 'started';
    },

    /** Notes uses: the first is kept, the last only moves forward. */
    recordUses: async (trx: DatabaseTransaction, uses: readonly SecretUse[]): Promise<void> => {
      // In one order everywhere, so that two nodes never wait for each other's rows.
      for (const use of [...uses].sort((a, b) => (a.secretId < b.secretId ? -1 : 1))) {
        await trx
          .updateTable(secrets)
          .set((eb) => ({
            first_used_at_ms: eb.fn.coalesce('first_used_at_ms', eb.val(use.firstAtMs)),
            last_used_at_ms: eb
              .case()
              .when('last_used_at_ms', '>', use.lastAtMs)
              .then(eb.ref('last_used_at_ms'))
              .else(use.lastAtMs)
              .end(),
          }))
          .where('secret_id', '=', use.secretId)
          .execute();
      }
    },
  };
}

/** `claim` makes the change to the owner: false when it is gone or revoked. `insert`: false when the id is taken. */
interface OwnedSecretRows<Id extends string, Secret, Change> extends ReturnType<typeof createSecretRows> {
  claim(trx: DatabaseTransaction, ownerId: Id, change: Change): Promise<boolean>;
  insert(trx: DatabaseTransaction, ownerId: Id, secret: Secret): Promise<boolean>;
}

/** How secrets are replaced and ended, whoever they belong to. */
export function createSecretReplacements<
  Id extends string,
  Owner extends { secrets: KeptSecret[]; revokedAtMs: number | undefined },
  Change,
>(
  db: Database,
  auditedChange: AuditedChange,
  rows: OwnedSecretRows<Id, Owner['secrets'][number], Change>,
): Omit<SecretReplacementStore<Id, Owner, Change>, 'find'> {
  return {
    rotate: (ownerId, rotation, audit) =>
      auditedChange(audit, async (trx) => {
        const { successor, plan, maxLive } = rotation;
        if (!(await rows.claim(trx, ownerId, rotation))) return 'missing';
        const live = await rows.liveIds(trx, ownerId, successor.createdAtMs);
        if (live.length >= maxLive) return 'conflict';
        await rows.plan(trx, live, { ...plan, successorId: successor.secretId });
        return (await rows.insert(trx, ownerId, successor)) ? 'rotated' : 'conflict';
      }),
    compromise: (ownerId, { secretIds, atMs, successor, revocations = [] }, audit) =>
      auditedChange(audit, async (trx) => {
        if ((await rows.revoke(trx, ownerId, secretIds, atMs)) === 0) return 'missing';
        await insertRevocations(trx, revocations);
        if ((await rows.liveIds(trx, ownerId, atMs)).length > 0) return 'ended';
        return (await rows.insert(trx, ownerId, successor)) ? 'replaced' : 'missing';
      }),
    dueGraces: () => rows.dueGraces(db),
    startGrace: (secretId, expiresAtMs, audit) =>
      auditedChange(audit, (trx) => rows.startGrace(trx, secretId, expiresAtMs)),
  };
}
