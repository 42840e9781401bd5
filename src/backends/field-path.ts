import { z } from 'zod';
import { type JsonObject, valueAt } from '../outbound/json-answer.ts';

/** Stands for every member of a list. */
const EACH = Symbol('each');

type Step = string | number | typeof EACH;

/** More values than this under `[*]` are not gathered. */
export const MAX_GATHERED = 1_000;
const MAX_WILDCARDS = 2;

const NAME = String.raw`[^.[\]\s]+`;
const QUOTED = String.raw`\["[^"\\\p{Cc}]{1,64}"\]`;
const PATH = new RegExp(String.raw`^(?:${NAME}|${QUOTED})(?:\[\d{1,4}\]|\[\*\]|${QUOTED}|\.${NAME})*$`, 'u');
const STEP = /\["([^"]+)"\]|\[(\d+)\]|(\[\*\])|[^.[\]]+/g;

/**
 * A path into a backend's answer: `account.plan`, `lines[0].number`, `lines[*].number` for that of every line (twice
 * at most), `["odd.name"]` for a name with dots, blanks or brackets. Nothing in it can run long.
 */
export const fieldPathSetting = z
  .string()
  .max(256)
  .regex(PATH, 'must be a path such as account.plan, lines[0].number or lines[*].number')
  .refine(
    (text) => wildcardsIn(text) <= MAX_WILDCARDS,
    `has more than ${MAX_WILDCARDS} times [*]; ask the backend for a flatter answer`,
  );

function parsePath(text: string): Step[] {
  return [...text.matchAll(STEP)].map(([whole, quoted, index, each]) => {
    if (quoted !== undefined) return quoted;
    if (index !== undefined) return Number(index);
    return each === undefined ? whole : EACH;
  });
}

/** How often `[*]` stands in a path. */
export function wildcardsIn(text: string): number {
  return parsePath(text).filter((step) => step === EACH).length;
}

/** What stands at a path; `undefined` for nothing. Under `[*]` a list, which leaves out members that have nothing there. */
export type ReadPath = (answer: JsonObject) => unknown;

/** Adds what stands at `path` below `value`; false when there is too much of it. */
function gather(value: unknown, path: readonly Step[], found: unknown[]): boolean {
  const at = path.indexOf(EACH);
  if (at === -1) {
    const one = valueAt(value, path as readonly (string | number)[]);
    if (one !== undefined) found.push(one);
    return found.length <= MAX_GATHERED;
  }
  const list = valueAt(value, path.slice(0, at) as readonly (string | number)[]);
  if (!Array.isArray(list)) return true;
  const rest = path.slice(at + 1);
  return list.length <= MAX_GATHERED && list.every((member) => gather(member, rest, found));
}

/** An own member of an object that is no list: what most paths are made of, without the general walk. */
function member(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name) || Array.isArray(value)) {
    return undefined;
  }
  return (value as JsonObject)[name];
}

/** A list that is longer than what is gathered; stands for a value that does not fit. */
export const TOO_MANY = Symbol('too many');

/** Makes a reader of a path, so that nothing of the path is looked at again for each answer. */
export function compilePath(text: string): ReadPath {
  const path = parsePath(text);
  const first = path.indexOf(EACH);
  if (first !== -1) {
    const before = path.slice(0, first) as (string | number)[];
    const rest = path.slice(first + 1);
    return (answer) => {
      const list = valueAt(answer, before);
      if (!Array.isArray(list)) return undefined;
      if (list.length > MAX_GATHERED) return TOO_MANY;
      const found: unknown[] = [];
      return list.every((member) => gather(member, rest, found)) ? found : TOO_MANY;
    };
  }
  const [outer, inner] = path;
  if (path.length === 1 && typeof outer === 'string') return (answer) => member(answer, outer);
  if (path.length === 2 && typeof outer === 'string' && typeof inner === 'string') {
    return (answer) => member(member(answer, outer), inner);
  }
  return (answer) => valueAt(answer, path as (string | number)[]);
}
