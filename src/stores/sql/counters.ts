import type { Database, DatabaseTransaction } from './schema.ts';

/**
 * Raises a counter by `by` (0 only locks it) and returns its new value. The row stays locked until the transaction
 * ends, so whoever sees a value also sees everything that was written under the values below it.
 */
export async function raiseCounter(trx: DatabaseTransaction, name: string, by: number): Promise<number> {
  const row = await trx
    .insertInto('counters')
    .values({ name, value: by })
    .onConflict((c) =>
      c.column('name').doUpdateSet((eb) => ({ value: eb('counters.value', '+', eb.ref('excluded.value')) })),
    )
    .returning('value')
    .executeTakeFirstOrThrow();
  return row.value;
}

/**
 * The value of a counter, 0 before its first raise. Read it before the rows that are numbered by it: rows up to this
 * value are then all there to be read.
 */
export async function readCounter(db: Database, name: string): Promise<number> {
  const row = await db.selectFrom('counters').select('value').where('name', '=', name).executeTakeFirst();
  return row?.value ?? 0;
}
