import { type Compilable, CompiledQuery } from 'kysely';
import type { Database } from './schema.ts';

/**
 * A query whose text is built once, by the builder, and run with other parameters each time: for the few reads of the
 * hot path, where building costs more than reading. `build` gets a stand-in for each parameter, in order.
 */
export function keptQuery<Row>(
  db: Database,
  build: () => Compilable<Row>,
): (parameters: readonly unknown[]) => Promise<Row[]> {
  let text: string | undefined;
  return async (parameters) => {
    text ??= build().compile().sql;
    const { rows } = await db.executeQuery<Row>(CompiledQuery.raw(text, [...parameters]));
    return rows;
  };
}
