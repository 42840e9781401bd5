import type { Consent, ConsentStore } from '../../oauth/consent.ts';
import type { ConsentsTable, Database } from './schema.ts';

function consentOf(row: ConsentsTable): Consent {
  return {
    clientId: row.client_id,
    customerId: row.customer_id,
    personIndex: row.person_index,
    scopes: JSON.parse(row.scopes_json) as string[],
    fields: JSON.parse(row.fields_json) as string[],
    grantedAtMs: row.granted_at_ms,
  };
}

/** What customers allowed clients. */
export function createConsentStore(db: Database): ConsentStore {
  return {
    async find(clientId, customerId) {
      const row = await db
        .selectFrom('consents')
        .selectAll()
        .where('client_id', '=', clientId)
        .where('customer_id', '=', customerId)
        .executeTakeFirst();
      return row && consentOf(row);
    },
    async put(consent) {
      const row: ConsentsTable = {
        client_id: consent.clientId,
        customer_id: consent.customerId,
        person_index: consent.personIndex,
        scopes_json: JSON.stringify(consent.scopes),
        fields_json: JSON.stringify(consent.fields),
        granted_at_ms: consent.grantedAtMs,
      };
      await db
        .insertInto('consents')
        .values(row)
        .onConflict((c) => c.columns(['client_id', 'customer_id']).doUpdateSet(row))
        .execute();
    },
    async listOf(personIndexes) {
      if (personIndexes.length === 0) return [];
      const rows = await db
        .selectFrom('consents')
        .selectAll()
        .where('person_index', 'in', [...personIndexes])
        .orderBy('granted_at_ms')
        .orderBy('client_id')
        .execute();
      return rows.map(consentOf);
    },
    async remove(clientId, customerId) {
      await db
        .deleteFrom('consents')
        .where('client_id', '=', clientId)
        .where('customer_id', '=', customerId)
        .execute();
    },
    async removeAllOf(customerId) {
      const result = await db.deleteFrom('consents').where('customer_id', '=', customerId).executeTakeFirst();
      return Number(result.numDeletedRows);
    },
  };
}
