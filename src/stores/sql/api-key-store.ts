import type {
  ApiKey,
  ApiKeyPublicKey,
  ApiKeySecret,
  ApiKeyStore,
  KeyEnd,
  SecretUse,
} from '../../api-keys/api-key.ts';
import type { AuditedChange } from './audited-change.ts';
import { insertRevocations } from './revocation-store.ts';
import { insertedRows, mayBeStored, orNull, orUndefined } from './rows.ts';
import type { ApiKeySecretsTable, ApiKeysTable, Database, DatabaseTransaction } from './schema.ts';
import {
  createSecretReplacements,
  createSecretRows,
  secretColumnsOf,
  secretMomentsOf,
} from './secret-rows.ts';

const secretRows = createSecretRows('api_key_secrets');

/** Uses of a key as such are noted under its own id. */
const isKeyUse = ({ secretId }: SecretUse): boolean => secretId.startsWith('ak_');

/** What `update` replaces. */
function settingsOf(key: ApiKey) {
  return {
    label: key.label,
    signature_policy: key.signature,
    scopes_json: JSON.stringify(key.scopes),
    allowed_addresses_json: JSON.stringify(key.allowedAddresses),
    public_keys_json: JSON.stringify(key.publicKeys),
    expires_at_ms: orNull(key.expiresAtMs),
  };
}

function rowOf(key: ApiKey): ApiKeysTable {
  return {
    ...settingsOf(key),
    key_id: key.keyId,
    partner_id: key.partner,
    environment: key.environment,
    key_use: key.use,
    public_prefix: key.publicPrefix,
    public_digest: key.publicDigest,
    created_at_ms: key.createdAtMs,
    revoked_at_ms: orNull(key.revokedAtMs),
    last_used_at_ms: orNull(key.lastUsedAtMs),
  };
}

function secretRowOf(keyId: string, secret: ApiKeySecret): ApiKeySecretsTable {
  return {
    ...secretColumnsOf(secret),
    key_id: keyId,
    digest: orNull(secret.digest),
    sealed_signing_key: orNull(secret.sealedSigningKey),
  };
}

function secretOf(row: ApiKeySecretsTable): ApiKeySecret {
  return {
    ...secretMomentsOf(row),
    digest: orUndefined(row.digest),
    sealedSigningKey: orUndefined(row.sealed_signing_key),
  };
}

function keyOf(row: ApiKeysTable, secrets: readonly ApiKeySecretsTable[]): ApiKey {
  return {
    keyId: row.key_id,
    partner: row.partner_id,
    label: row.label,
    environment: row.environment,
    use: row.key_use,
    signature: row.signature_policy,
    scopes: JSON.parse(row.scopes_json) as string[],
    allowedAddresses: JSON.parse(row.allowed_addresses_json) as string[],
    publicKeys: JSON.parse(row.public_keys_json) as ApiKeyPublicKey[],
    publicPrefix: row.public_prefix,
    publicDigest: row.public_digest,
    secrets: secrets.map(secretOf),
    createdAtMs: row.created_at_ms,
    expiresAtMs: orUndefined(row.expires_at_ms),
    revokedAtMs: orUndefined(row.revoked_at_ms),
    lastUsedAtMs: orUndefined(row.last_used_at_ms),
  };
}

/** Inserts a secret unless its id or digest is taken. */
async function insertSecret(trx: DatabaseTransaction, keyId: string, secret: ApiKeySecret): Promise<boolean> {
  const result = await trx
    .insertInto('api_key_secrets')
    .values(secretRowOf(keyId, secret))
    .onConflict((c) => c.doNothing())
    .executeTakeFirst();
  return insertedRows(result) === 1;
}

type Reader = Pick<Database, 'selectFrom'>;

const secretsOf = (db: Reader, keyIds: readonly string[]) =>
  db
    .selectFrom('api_key_secrets')
    .selectAll()
    .where('key_id', 'in', keyIds)
    .orderBy('created_at_ms')
    .orderBy('secret_id')
    .execute();

const KEYS_PER_QUERY = 500;

function createReads(
  db: Database,
): Pick<ApiKeyStore, 'findByPublicDigest' | 'findBySecretDigest' | 'find' | 'list'> {
  const findBy = async (column: 'key_id' | 'public_digest', value: string) => {
    if (!mayBeStored(value)) return undefined;
    const row = await db.selectFrom('api_keys').selectAll().where(column, '=', value).executeTakeFirst();
    return row && keyOf(row, await secretsOf(db, [row.key_id]));
  };
  return {
    findByPublicDigest: (digest) => findBy('public_digest', digest),
    find: (keyId) => findBy('key_id', keyId),
    async findBySecretDigest(digest) {
      if (!mayBeStored(digest)) return undefined;
      const row = await db
        .selectFrom('api_key_secrets')
        .select('key_id')
        .where('digest', '=', digest)
        .executeTakeFirst();
      return row && findBy('key_id', row.key_id);
    },
    async list(partner) {
      let query = db.selectFrom('api_keys').selectAll();
      if (partner !== undefined) query = query.where('partner_id', '=', partner);
      const rows = await query.orderBy('created_at_ms').orderBy('key_id').execute();
      const byKey = new Map<string, ApiKeySecretsTable[]>(rows.map((row) => [row.key_id, []]));
      for (let start = 0; start < rows.length; start += KEYS_PER_QUERY) {
        const ids = rows.slice(start, start + KEYS_PER_QUERY).map((row) => row.key_id);
        for (const secret of await secretsOf(db, ids)) byKey.get(secret.key_id)?.push(secret);
      }
      return rows.map((row) => keyOf(row, byKey.get(row.key_id) ?? []));
    },
  };
}

async function moveEnd(
  trx: DatabaseTransaction,
  keyId: string,
  { keyExpiresAtMs }: KeyEnd,
): Promise<boolean> {
  const result = await trx
    .updateTable('api_keys')
    .set({ expires_at_ms: orNull(keyExpiresAtMs) })
    .where('key_id', '=', keyId)
    .where('revoked_at_ms', 'is', null)
    .executeTakeFirst();
  return result.numUpdatedRows > 0n;
}

export function createApiKeyStore(db: Database, auditedChange: AuditedChange): ApiKeyStore {
  return {
    ...createReads(db),
    insert: (key, audit) =>
      auditedChange(audit, async (trx) => {
        const result = await trx
          .insertInto('api_keys')
          .values(rowOf(key))
          .onConflict((c) => c.doNothing())
          .executeTakeFirst();
        if (insertedRows(result) !== 1) return 'conflict';
        for (const secret of key.secrets)
          if (!(await insertSecret(trx, key.keyId, secret))) return 'conflict';
        return 'inserted';
      }),
    update: (key, audit) =>
      auditedChange(audit, async (trx) => {
        const result = await trx
          .updateTable('api_keys')
          .set(settingsOf(key))
          .where('key_id', '=', key.keyId)
          .where('revoked_at_ms', 'is', null)
          .executeTakeFirst();
        return result.numUpdatedRows === 0n ? 'missing' : 'updated';
      }),
    addSecret: (keyId, secret, { maxLive }, audit) =>
      auditedChange(audit, async (trx) => {
        const key = await trx
          .selectFrom('api_keys')
          .select('key_id')
          .where('key_id', '=', keyId)
          .where('revoked_at_ms', 'is', null)
          .executeTakeFirst();
        if (!key) return 'missing';
        const live = await secretRows.liveIds(trx, keyId, secret.createdAtMs);
        if (live.length >= maxLive) return 'conflict';
        return (await insertSecret(trx, keyId, secret)) ? 'added' : 'conflict';
      }),
    endSecret: (keyId, secretId, end, audit) =>
      auditedChange(audit, async (trx) => {
        const result = await trx
          .updateTable('api_key_secrets')
          .set('expiresAtMs' in end ? { expires_at_ms: end.expiresAtMs } : { revoked_at_ms: end.revokedAtMs })
          .where('key_id', '=', keyId)
          .where('secret_id', '=', secretId)
          .where('revoked_at_ms', 'is', null)
          .executeTakeFirst();
        if (result.numUpdatedRows === 0n) return 'missing';
        if ('revokedAtMs' in end) await insertRevocations(trx, end.revocations ?? []);
        return 'ended';
      }),
    revoke: (keyId, { atMs, revocations = [] }, audit) =>
      auditedChange(audit, async (trx) => {
        const result = await trx
          .updateTable('api_keys')
          .set({ revoked_at_ms: atMs })
          .where('key_id', '=', keyId)
          .where('revoked_at_ms', 'is', null)
          .executeTakeFirst();
        if (result.numUpdatedRows === 0n) return 'missing';
        await insertRevocations(trx, revocations);
        return 'revoked';
      }),
    ...createSecretReplacements<string, ApiKey, KeyEnd>(db, auditedChange, {
      ...secretRows,
      claim: moveEnd,
      insert: insertSecret,
    }),
    recordUses: (uses) =>
      db.transaction().execute(async (trx) => {
        await secretRows.recordUses(trx, uses);
        for (const { secretId, lastAtMs } of uses.filter(isKeyUse)) {
          await trx
            .updateTable('api_keys')
            .set({ last_used_at_ms: lastAtMs })
            .where('key_id', '=', secretId)
            .where((eb) => eb.or([eb('last_used_at_ms', 'is', null), eb('last_used_at_ms', '<', lastAtMs)]))
            .execute();
        }
      }),
  };
}
