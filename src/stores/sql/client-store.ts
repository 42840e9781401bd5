import type {
  ClientId,
  ClientSecret,
  ClientStore,
  OAuthClient,
  OpenIdSettings,
} from '../../clients/client.ts';
import type { AuditedChange } from './audited-change.ts';
import { insertRevocations } from './revocation-store.ts';
import { insertedRows, mayBeStored, orNull, orUndefined } from './rows.ts';
import type { ClientSecretsTable, ClientsTable, Database, DatabaseTransaction } from './schema.ts';
import {
  createSecretReplacements,
  createSecretRows,
  secretColumnsOf,
  secretMomentsOf,
} from './secret-rows.ts';

const secretRows = createSecretRows('client_secrets');

function rowOf(client: OAuthClient): ClientsTable {
  return {
    client_id: client.clientId,
    partner_id: client.partner,
    label: client.label,
    scopes_json: JSON.stringify(client.scopes),
    grant_types_json: JSON.stringify(client.grantTypes),
    application_type: client.applicationType,
    party: client.party,
    authentication: client.authentication,
    redirect_uris_json: JSON.stringify(client.redirectUris),
    public_keys_json: JSON.stringify(client.publicKeys),
    openid_json: client.openid ? JSON.stringify(client.openid) : null,
    created_at_ms: client.createdAtMs,
    revoked_at_ms: orNull(client.revokedAtMs),
  };
}

function secretOf(row: ClientSecretsTable): ClientSecret {
  return {
    ...secretMomentsOf(row),
    digest: row.digest,
  };
}

function clientOf(row: ClientsTable, secrets: readonly ClientSecretsTable[]): OAuthClient {
  return {
    clientId: row.client_id,
    partner: row.partner_id,
    label: row.label,
    scopes: JSON.parse(row.scopes_json) as string[],
    grantTypes: JSON.parse(row.grant_types_json) as string[],
    applicationType: row.application_type,
    party: row.party,
    authentication: row.authentication,
    redirectUris: JSON.parse(row.redirect_uris_json) as string[],
    publicKeys: JSON.parse(row.public_keys_json) as OAuthClient['publicKeys'],
    openid: row.openid_json === null ? undefined : (JSON.parse(row.openid_json) as OpenIdSettings),
    secrets: secrets.map(secretOf),
    createdAtMs: row.created_at_ms,
    revokedAtMs: orUndefined(row.revoked_at_ms),
  };
}

/** Inserts a secret unless its id is taken. */
async function insertSecret(
  trx: DatabaseTransaction,
  clientId: ClientId,
  secret: ClientSecret,
): Promise<boolean> {
  const result = await trx
    .insertInto('client_secrets')
    .values({ ...secretColumnsOf(secret), client_id: clientId, digest: secret.digest })
    .onConflict((c) => c.doNothing())
    .executeTakeFirst();
  return insertedRows(result) === 1;
}

const CLIENTS_PER_QUERY = 500;

const secretsOf = (db: Database, clientIds: readonly ClientId[]) =>
  db
    .selectFrom('client_secrets')
    .selectAll()
    .where('client_id', 'in', clientIds)
    .orderBy('created_at_ms')
    .orderBy('secret_id')
    .execute();

async function isUsable(trx: DatabaseTransaction, clientId: ClientId): Promise<boolean> {
  const client = await trx
    .selectFrom('clients')
    .select('client_id')
    .where('client_id', '=', clientId)
    .where('revoked_at_ms', 'is', null)
    .executeTakeFirst();
  return client !== undefined;
}

export function createClientStore(db: Database, auditedChange: AuditedChange): ClientStore {
  return {
    ...createSecretReplacements<ClientId, OAuthClient, unknown>(db, auditedChange, {
      ...secretRows,
      claim: isUsable,
      insert: insertSecret,
    }),
    recordUses: (uses) => db.transaction().execute((trx) => secretRows.recordUses(trx, uses)),
    insert: (client, audit) =>
      auditedChange(audit, async (trx) => {
        const result = await trx
          .insertInto('clients')
          .values(rowOf(client))
          .onConflict((c) => c.doNothing())
          .executeTakeFirst();
        if (insertedRows(result) !== 1) return 'conflict';
        for (const secret of client.secrets)
          if (!(await insertSecret(trx, client.clientId, secret))) return 'conflict';
        return 'inserted';
      }),
    async find(clientId) {
      if (!mayBeStored(clientId)) return undefined;
      const row = await db
        .selectFrom('clients')
        .selectAll()
        .where('client_id', '=', clientId)
        .executeTakeFirst();
      return row && clientOf(row, await secretsOf(db, [row.client_id]));
    },
    async list(partner) {
      let query = db.selectFrom('clients').selectAll();
      if (partner !== undefined) query = query.where('partner_id', '=', partner);
      const rows = await query.orderBy('created_at_ms').orderBy('client_id').execute();
      const byClient = new Map<string, ClientSecretsTable[]>(rows.map((row) => [row.client_id, []]));
      for (let start = 0; start < rows.length; start += CLIENTS_PER_QUERY) {
        const ids = rows.slice(start, start + CLIENTS_PER_QUERY).map((row) => row.client_id);
        for (const secret of await secretsOf(db, ids)) byClient.get(secret.client_id)?.push(secret);
      }
      return rows.map((row) => clientOf(row, byClient.get(row.client_id) ?? []));
    },
    update: (client, audit) =>
      auditedChange(audit, async (trx) => {
        const row = rowOf(client);
        const result = await trx
          .updateTable('clients')
          .set({
            label: row.label,
            scopes_json: row.scopes_json,
            redirect_uris_json: row.redirect_uris_json,
          })
          .where('client_id', '=', client.clientId)
          .where('revoked_at_ms', 'is', null)
          .executeTakeFirst();
        return result.numUpdatedRows === 0n ? 'missing' : 'updated';
      }),
    revoke: (clientId, { atMs, revocations = [] }, audit) =>
      auditedChange(audit, async (trx) => {
        const result = await trx
          .updateTable('clients')
          .set({ revoked_at_ms: atMs })
          .where('client_id', '=', clientId)
          .where('revoked_at_ms', 'is', null)
          .executeTakeFirst();
        if (result.numUpdatedRows === 0n) return 'missing';
        await insertRevocations(trx, revocations);
        return 'revoked';
      }),
  };
}
