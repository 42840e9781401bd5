import type { DatabaseTransaction } from './schema.ts';

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
