import { type AnswerPath, type JsonObject, parseAnswerPath, valueAt } from '../outbound/json-answer.ts';

/** Deeper values are refused: writing them out again would run out of stack. */
const MAX_DEPTH = 32;

function isShallow(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (depth === 0) return false;
  for (const member of Object.values(value)) if (!isShallow(member, depth - 1)) return false;
  return true;
}

/**
 * Takes the mapped and wanted fields out of an answer and nothing else; a field that the answer lacks is left out.
 * `undefined` when a value is nested too deep.
 */
export function createMapping(
  fields: Record<string, string>,
): (answer: JsonObject, wanted: ReadonlySet<string>) => Record<string, unknown> | undefined {
  const plan: [name: string, path: AnswerPath][] = Object.entries(fields).map(([name, path]) => [
    name,
    parseAnswerPath(path),
  ]);
  return (answer, wanted) => {
    const mapped: Record<string, unknown> = {};
    for (const [name, path] of plan) {
      if (!wanted.has(name)) continue;
      const value = valueAt(answer, path);
      if (value === undefined) continue;
      if (!isShallow(value, MAX_DEPTH)) return undefined;
      mapped[name] = value;
    }
    return mapped;
  };
}

/** Whether `value` names one of `customers`. A number counts by its decimal spelling while it is exact. */
export function namesCustomer(value: unknown, customers: readonly string[]): boolean {
  if (typeof value === 'number') return Number.isSafeInteger(value) && customers.includes(String(value));
  return typeof value === 'string' && customers.includes(value);
}
