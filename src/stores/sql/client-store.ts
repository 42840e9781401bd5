import type { ClientSecret, ClientStore, OAuthClient } from '../../clients/client.ts';
import type { AuditedChange } from './audited-change.ts';
import { insertedRows, mayBeStored, orNull, orUndefined } from './rows.ts';
import type { ClientsTable, Database } from './schema.ts';

function rowOf(client: OAuthClient): ClientsTable {
  return {
    client_id: client.clientId,
    partner_id: client.partner,
    label: client.label,
    scopes_json: JSON.stringify(client.scopes),
    grant_types_json: JSON.stringify(client.grantTypes),
    secrets_json: JSON.stringify(client.secrets),
    created_at_ms: client.createdAtMs,
    revoked_at_ms: orNull(client.revokedAtMs),
  };
}

function secretsOf(json: string): ClientSecret[] {
  // JSON drops a member that is undefined; the record has it all the same.
  return (JSON.parse(json) as (Omit<ClientSecret, 'expiresAtMs'> & { expiresAtMs?: number })[]).map(
    (secret) => ({ digest: secret.digest, createdAtMs: secret.createdAtMs, expiresAtMs: secret.expiresAtMs }),
  );
}

function clientOf(row: ClientsTable): OAuthClient {
  return {
    clientId: row.client_id,
    partner: row.partner_id,
    label: row.label,
    scopes: JSON.parse(row.scopes_json) as string[],
    grantTypes: JSON.parse(row.grant_types_json) as string[],
    secrets: secretsOf(row.secrets_json),
    createdAtMs: row.created_at_ms,
    revokedAtMs: orUndefined(row.revoked_at_ms),
  };
}

export function createClientStore(db: Database, auditedChange: AuditedChange): ClientStore {
  return {
    insert: (client, audit) =>
      auditedChange(audit, async (trx) => {
        const result = await trx
          .insertInto('clients')
          .values(rowOf(client))
          .onConflict((c) => c.doNothing())
          .executeTakeFirst();
        return insertedRows(result) === 1 ? 'inserted' : 'conflict';
      }),
    async find(clientId) {
      if (!mayBeStored(clientId)) return undefined;
      const row = await db
        .selectFrom('clients')
        .selectAll()
        .where('client_id', '=', clientId)
        .executeTakeFirst();
      return row && clientOf(row);
    },
    async list(partner) {
      let query = db.selectFrom('clients').selectAll();
      if (partner !== undefined) query = query.where('partner_id', '=', partner);
      return (await query.orderBy('created_at_ms').orderBy('client_id').execute()).map(clientOf);
    },
    revoke: (clientId, atMs, audit) =>
      auditedChange(audit, async (trx) => {
        const result = await trx
          .updateTable('clients')
          .set({ revoked_at_ms: atMs })
          .where('client_id', '=', clientId)
          .where('revoked_at_ms', 'is', null)
          .executeTakeFirst();
        return result.numUpdatedRows === 0n ? 'missing' : 'revoked';
      }),
  };
}
