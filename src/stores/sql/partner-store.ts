import type { FieldMasks, Partner, PartnerStore } from '../../partners/partner.ts';
import type { AuditedChange } from './audited-change.ts';
import { insertedRows, mayBeStored, orNull, orUndefined } from './rows.ts';
import type { Database, DatabaseTransaction, PartnersTable } from './schema.ts';

type PartnerRow = PartnersTable & { channel_group: string | null };

const columns = [
  'partners.id',
  'partners.name',
  'partners.visible_fields_json',
  'partners.field_masks_json',
  'partners.tier',
  'partners.created_at_ms',
  'partners.disabled_at_ms',
  'partner_groups.channel_group',
] as const;

function mutableColumns(partner: Partner) {
  return {
    name: partner.name,
    visible_fields_json: JSON.stringify(partner.visibleFields),
    field_masks_json: JSON.stringify(partner.fieldMasks),
    tier: partner.tier,
    disabled_at_ms: orNull(partner.disabledAtMs),
  };
}

/** One partner a group of rows: a row for each channel group, or one without. */
function partnersOf(rows: readonly PartnerRow[]): Partner[] {
  const partners = new Map<string, Partner>();
  for (const row of rows) {
    let partner = partners.get(row.id);
    if (!partner) {
      partner = {
        id: row.id,
        name: row.name,
        channelGroups: [],
        visibleFields: JSON.parse(row.visible_fields_json) as string[],
        fieldMasks: JSON.parse(row.field_masks_json) as FieldMasks,
        tier: row.tier,
        createdAtMs: row.created_at_ms,
        disabledAtMs: orUndefined(row.disabled_at_ms),
      };
      partners.set(row.id, partner);
    }
    if (row.channel_group !== null) partner.channelGroups.push(row.channel_group);
  }
  return [...partners.values()];
}

/** False when another partner holds one of the groups. */
async function insertGroups(trx: DatabaseTransaction, partner: Partner): Promise<boolean> {
  const groups = [...new Set(partner.channelGroups)];
  if (groups.length === 0) return true;
  const result = await trx
    .insertInto('partner_groups')
    .values(groups.map((group, position) => ({ channel_group: group, partner_id: partner.id, position })))
    .onConflict((c) => c.doNothing())
    .executeTakeFirst();
  return insertedRows(result) === groups.length;
}

export function createPartnerStore(db: Database, auditedChange: AuditedChange): PartnerStore {
  const partnerRows = () =>
    db
      .selectFrom('partners')
      .leftJoin('partner_groups', 'partner_groups.partner_id', 'partners.id')
      .select(columns)
      .orderBy('partners.created_at_ms')
      .orderBy('partners.id')
      .orderBy('partner_groups.position');
  return {
    insert: (partner, audit) =>
      auditedChange(audit, async (trx) => {
        const result = await trx
          .insertInto('partners')
          .values({ id: partner.id, created_at_ms: partner.createdAtMs, ...mutableColumns(partner) })
          .onConflict((c) => c.doNothing())
          .executeTakeFirst();
        if (insertedRows(result) === 0) return 'conflict';
        return (await insertGroups(trx, partner)) ? 'inserted' : 'conflict';
      }),
    async find(id) {
      if (!mayBeStored(id)) return undefined;
      return partnersOf(await partnerRows().where('partners.id', '=', id).execute())[0];
    },
    list: async () => partnersOf(await partnerRows().execute()),
    update: (partner, audit) =>
      auditedChange(audit, async (trx) => {
        const result = await trx
          .updateTable('partners')
          .set(mutableColumns(partner))
          .where('id', '=', partner.id)
          .executeTakeFirst();
        if (result.numUpdatedRows === 0n) return 'missing';
        await trx.deleteFrom('partner_groups').where('partner_id', '=', partner.id).execute();
        return (await insertGroups(trx, partner)) ? 'updated' : 'conflict';
      }),
  };
}
