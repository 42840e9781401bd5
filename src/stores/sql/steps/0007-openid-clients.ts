import type { Kysely } from 'kysely';

/** What clients of OpenID Connect register; null for all others. */
export async function addOpenIdClients(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('clients').addColumn('openid_json', 'text').execute();
}
