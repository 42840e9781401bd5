import type { Kysely } from 'kysely';

/** What a partner sees only masked: mask by field. */
export async function addFieldMasks(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable('partners')
    .addColumn('field_masks_json', 'text', (c) => c.notNull().defaultTo('{}'))
    .execute();
}
