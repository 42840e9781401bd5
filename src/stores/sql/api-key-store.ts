import type { ApiKey, ApiKeyStore } from '../../api-keys/api-key.ts';
import type { AuditedChange } from './audited-change.ts';
import { insertedRows, mayBeStored, orNull, orUndefined } from './rows.ts';
import type { ApiKeysTable, Database } from './schema.ts';

function rowOf(key: ApiKey): ApiKeysTable {
  return {
    key_id: key.keyId,
    partner_id: key.partner,
    label: key.label,
    environment: key.environment,
    key_use: key.use,
    signature_required: key.signatureRequired ? 1 : 0,
    scopes_json: JSON.stringify(key.scopes),
    public_prefix: key.publicPrefix,
    public_digest: key.publicDigest,
    secret_digest: orNull(key.secretDigest),
    sealed_signing_key: orNull(key.sealedSigningKey),
    created_at_ms: key.createdAtMs,
    expires_at_ms: orNull(key.expiresAtMs),
    revoked_at_ms: orNull(key.revokedAtMs),
  };
}

function keyOf(row: ApiKeysTable): ApiKey {
  return {
    keyId: row.key_id,
    partner: row.partner_id,
    label: row.label,
    environment: row.environment,
    use: row.key_use,
    signatureRequired: row.signature_required === 1,
    scopes: JSON.parse(row.scopes_json) as string[],
    publicPrefix: row.public_prefix,
    publicDigest: row.public_digest,
    secretDigest: orUndefined(row.secret_digest),
    sealedSigningKey: orUndefined(row.sealed_signing_key),
    createdAtMs: row.created_at_ms,
    expiresAtMs: orUndefined(row.expires_at_ms),
    revokedAtMs: orUndefined(row.revoked_at_ms),
  };
}

export function createApiKeyStore(db: Database, auditedChange: AuditedChange): ApiKeyStore {
  const findBy = async (column: 'key_id' | 'public_digest' | 'secret_digest', value: string) => {
    if (!mayBeStored(value)) return undefined;
    const row = await db.selectFrom('api_keys').selectAll().where(column, '=', value).executeTakeFirst();
    return row && keyOf(row);
  };
  return {
    insert: (key, audit) =>
      auditedChange(audit, async (trx) => {
        const result = await trx
          .insertInto('api_keys')
          .values(rowOf(key))
          .onConflict((c) => c.doNothing())
          .executeTakeFirst();
        return insertedRows(result) === 1 ? 'inserted' : 'conflict';
      }),
    findByPublicDigest: (digest) => findBy('public_digest', digest),
    findBySecretDigest: (digest) => findBy('secret_digest', digest),
    find: (keyId) => findBy('key_id', keyId),
    async list(partner) {
      let query = db.selectFrom('api_keys').selectAll();
      if (partner !== undefined) query = query.where('partner_id', '=', partner);
      return (await query.orderBy('created_at_ms').orderBy('key_id').execute()).map(keyOf);
    },
    revoke: (keyId, atMs, audit) =>
      auditedChange(audit, async (trx) => {
        const result = await trx
          .updateTable('api_keys')
          .set({ revoked_at_ms: atMs })
          .where('key_id', '=', keyId)
          .where('revoked_at_ms', 'is', null)
          .executeTakeFirst();
        return result.numUpdatedRows === 0n ? 'missing' : 'revoked';
      }),
  };
}
