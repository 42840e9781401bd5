import { z } from 'zod';
import { type MaskName, maskSetting } from '../partners/field-mask.ts';
import { fieldPathSetting, wildcardsIn } from './field-path.ts';
import { DATE_TYPES, FIELD_TYPES, fieldTypes, type FieldType, TEXT_TYPES } from './field-types.ts';

export const fieldNameSetting = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9_.-]{0,63}$/, 'must be the name of a profile field');

export type FieldScalar = string | number | boolean;

/** Where a profile field comes from and what is made of it; a path alone passes the value on as it is. */
export type FieldSetting = string | FieldDefinition;

export interface FieldDefinition {
  /** One path, or several whose texts are joined. */
  path?: string | string[] | undefined;
  /** Makes an object of further fields. */
  members?: Record<string, FieldSetting> | undefined;
  type?: FieldType | undefined;
  /** The backend's word → ours. */
  map?: Record<string, FieldScalar> | undefined;
  /** Stands between the texts of a list. */
  join?: string | undefined;
  mask?: MaskName | undefined;
  /** For a value that is missing, `null` or does not fit. */
  default?: FieldScalar | undefined;
}

/** Objects within objects; the innermost take plain paths alone. */
const MAX_NESTING = 2;
const MAX_MAPPED = 200;

const scalar = z.union([z.string().max(1_000), z.number(), z.boolean()]);
const pathsOf = ({ path }: FieldDefinition): string[] => (typeof path === 'string' ? [path] : (path ?? []));

const isOneOf = (types: ReadonlySet<FieldType>, type: FieldType | undefined) =>
  type === undefined || types.has(type);

/** What is wrong between the settings of one field, with the setting at fault. */
function faults(field: FieldDefinition): [setting: keyof FieldDefinition, problem: string][] {
  const { path, members, type, map, join, mask } = field;
  const found: [keyof FieldDefinition, string][] = [];
  if ((path === undefined) === (members === undefined)) {
    found.push(['path', 'and members are two ways to make a field; write one of them']);
  }
  if (members) {
    for (const name of ['type', 'map', 'join', 'mask', 'default'] as const) {
      if (field[name] !== undefined) found.push([name, 'says nothing of an object; set it on its members']);
    }
    if (Object.keys(members).length === 0) found.push(['members', 'must name at least one member']);
  }
  if (type && map) found.push(['map', 'and type exclude each other; the map says what comes out']);
  const gathers = pathsOf(field).length > 1 || pathsOf(field).some((text) => wildcardsIn(text) > 0);
  if (path !== undefined && typeof path !== 'string' && join === undefined) {
    found.push(['join', 'is missing; say what stands between the texts, such as " "']);
  }
  if (join !== undefined && !gathers) found.push(['join', 'joins nothing; path leads to one value']);
  if (mask !== undefined && join === undefined && !isOneOf(TEXT_TYPES, type)) {
    found.push([
      'mask',
      `hides parts of a text, and the type is ${type}; mask a text or leave the field out`,
    ]);
  }
  if (mask === 'year' && !isOneOf(DATE_TYPES, type))
    found.push(['mask', 'year needs a date; set type: date']);
  if (field.default !== undefined && type && fieldTypes[type](field.default) === undefined) {
    found.push(['default', `is no ${type}; write one`]);
  }
  return found;
}

type Setting<T> = z.ZodType<T, T>;

function definitionSetting(nesting: number): Setting<FieldDefinition> {
  const member: Setting<FieldSetting> = nesting > 0 ? fieldSettingOf(nesting - 1) : fieldPathSetting;
  return z
    .strictObject({
      path: z.union([fieldPathSetting, z.array(fieldPathSetting).min(2).max(8)]).optional(),
      members: z.record(fieldNameSetting, member).optional(),
      type: z.enum(FIELD_TYPES).optional(),
      map: z
        .record(z.string().max(200), scalar)
        .refine(
          (map) => Object.keys(map).length > 0 && Object.keys(map).length <= MAX_MAPPED,
          `must have 1 to ${MAX_MAPPED} entries`,
        )
        .optional(),
      join: z.string().max(16).optional(),
      mask: maskSetting.optional(),
      default: scalar.optional(),
    })
    .superRefine((field, context) => {
      for (const [setting, message] of faults(field)) {
        context.addIssue({ code: 'custom', path: [setting], message });
      }
    });
}

function fieldSettingOf(nesting: number): Setting<FieldSetting> {
  return z.union([fieldPathSetting, definitionSetting(nesting)]);
}

/** One entry of `backends[].fields`. */
export const fieldSetting = fieldSettingOf(MAX_NESTING);

/** What a field is made of, for people. */
export interface FieldOutline {
  /** Such as `name.first + name.last`, or the members of an object. */
  path: string;
  /** `undefined`: whatever the backend gives; `mapped`: words of a map. */
  type: FieldType | 'object' | 'list' | 'mapped' | undefined;
  mask: MaskName | undefined;
  hasDefault: boolean;
}

/** Whether a mask can be laid over what this field holds, as far as the configuration tells. */
export function takesMask({ type }: Pick<FieldOutline, 'type'>, mask: MaskName): boolean {
  if (mask === 'hidden' || type === undefined) return true;
  if (type === 'mapped') return mask !== 'year';
  if (type === 'list') return true;
  if (type === 'object') return false;
  if (mask === 'year') return DATE_TYPES.has(type);
  return type === 'integer' || TEXT_TYPES.has(type);
}

export function outlineOf(setting: FieldSetting): FieldOutline {
  const field: FieldDefinition = typeof setting === 'string' ? { path: setting } : setting;
  const { members, type, map, join, mask } = field;
  if (members) {
    const inside = Object.entries(members).map(([name, member]) => `${name}: ${outlineOf(member).path}`);
    return { path: `{ ${inside.join(', ')} }`, type: 'object', mask: undefined, hasDefault: false };
  }
  const paths = pathsOf(field);
  const isList = join === undefined && paths.some((text) => wildcardsIn(text) > 0);
  const shown = type ?? (join === undefined ? undefined : 'string');
  return {
    path: paths.join(' + '),
    type: isList ? 'list' : map ? 'mapped' : shown,
    mask,
    hasDefault: field.default !== undefined,
  };
}
