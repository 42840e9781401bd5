import type { JsonObject } from '../outbound/json-answer.ts';
import { type MaskName, maskedValue } from '../partners/field-mask.ts';
import { compilePath, type ReadPath, TOO_MANY } from './field-path.ts';
import type { FieldDefinition, FieldScalar, FieldSetting } from './field-settings.ts';
import { type Convert, fieldTypes } from './field-types.ts';

/** Deeper values are refused: writing them out again would run out of stack. */
const MAX_DEPTH = 32;

function isShallow(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (depth === 0) return false;
  for (const member of Object.values(value)) if (!isShallow(member, depth - 1)) return false;
  return true;
}

/** Stands for a value that is there and is not what the configuration says. */
const UNFIT = Symbol('unfit');

/** Reads one field: its value, `undefined` for nothing, or `UNFIT`. */
type ReadField = (answer: JsonObject) => unknown;

function mapped(words: Record<string, FieldScalar>): Convert {
  const known = new Map(Object.entries(words));
  return (value) =>
    typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
      ? known.get(String(value))
      : undefined;
}

/** The texts at some paths with something between them. Of what is missing or empty nothing is left, not even that. */
function joined(reads: readonly ReadPath[], join: string): ReadField {
  return (answer) => {
    const found = reads.flatMap((read) => read(answer));
    const there = found.filter((one) => one !== undefined && one !== null && one !== '');
    const texts = there.map((one) => (one === TOO_MANY ? undefined : fieldTypes.string(one)));
    if (texts.includes(undefined)) return UNFIT;
    return texts.length === 0 ? undefined : texts.join(join);
  };
}

/** Each member of a list by itself, any other value as it is; one that does not fit spoils the list. */
function throughout(convert: Convert): Convert {
  return (value) => {
    if (!Array.isArray(value)) return convert(value);
    const all = value.map((member) => (member === null ? null : convert(member)));
    return all.includes(undefined) ? undefined : all;
  };
}

/** Reads, converts, then hides: a mask never sees anything but the final value. */
function changed(read: ReadField, convert: Convert | undefined, mask: MaskName | undefined): ReadField {
  return (answer) => {
    const found = read(answer);
    if (found === undefined || found === UNFIT) return found;
    if (found === TOO_MANY) return UNFIT;
    // With a type, null is no value of it.
    if (found === null) return convert ? undefined : null;
    const value = convert ? convert(found) : found;
    const shown = mask === undefined || value === undefined ? value : maskedValue(mask, value);
    return shown === undefined ? UNFIT : shown;
  };
}

function isPlain({ type, map, join, mask, path }: FieldDefinition): boolean {
  return [type, map, join, mask].every((one) => one === undefined) && typeof path === 'string';
}

type OnUnfit = () => void;

function withDefault(read: ReadField, preset: FieldScalar | undefined, onUnfit: OnUnfit): ReadField {
  return (answer) => {
    const found = read(answer);
    if (found === UNFIT || found === TOO_MANY) {
      onUnfit();
      return preset;
    }
    return preset !== undefined && (found === undefined || found === null) ? preset : found;
  };
}

function readMembers(members: Record<string, FieldSetting>, onUnfit: OnUnfit): ReadField {
  const plan = Object.entries(members).map(([name, setting]) => [name, compile(setting, onUnfit)] as const);
  return (answer) => {
    const found = plan.flatMap(([name, read]) => {
      const value = read(answer);
      return value === undefined ? [] : [[name, value]];
    });
    return found.length === 0 ? undefined : Object.fromEntries(found);
  };
}

/** Makes the reader of one field; a plain path costs what reading it costs. */
function compile(setting: FieldSetting, onUnfit: OnUnfit): ReadField {
  const field: FieldDefinition = typeof setting === 'string' ? { path: setting } : setting;
  const { path = [], members, type, map, join, mask } = field;
  if (members) return readMembers(members, onUnfit);
  const paths = typeof path === 'string' ? [path] : path;
  const reads = paths.map(compilePath);
  const [first = () => undefined] = reads;
  if (isPlain(field) && !paths.some((text) => text.includes('[*]')) && field.default === undefined)
    return first;
  const read = join === undefined ? first : joined(reads, join);
  const convert = map ? mapped(map) : type && fieldTypes[type];
  const isChanged = convert !== undefined || mask !== undefined;
  const whole = isChanged ? changed(read, convert && throughout(convert), mask) : read;
  return withDefault(whole, field.default, onUnfit);
}

/**
 * Takes the mapped and wanted fields out of an answer and nothing else; a field that the answer lacks, or whose value
 * does not fit and has no default, is left out. `undefined` when a value is nested too deep. `onUnfit` hears of each
 * value that did not fit, by the name of its field. Paths are read once, here, and never again.
 */
export function createMapping(
  fields: Record<string, FieldSetting>,
  onUnfit: (field: string) => void = () => {},
): (answer: JsonObject, wanted: ReadonlySet<string>) => Record<string, unknown> | undefined {
  const plan = Object.entries(fields).map(([name, setting]) => ({
    name,
    read: compile(setting, () => onUnfit(name)),
  }));
  return (answer, wanted) => {
    const mapped: Record<string, unknown> = {};
    for (const { name, read } of plan) {
      if (!wanted.has(name)) continue;
      const value = read(answer);
      if (value === undefined) continue;
      if (typeof value === 'object' && !isShallow(value, MAX_DEPTH)) return undefined;
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
