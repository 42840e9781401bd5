/** Types that a profile field can be given; anything that is not plainly of the type does not fit. */

/** The value as the type has it; `undefined` when it does not fit. */
export type Convert = (value: unknown) => unknown;

const DECIMAL = /^-?(?:0|[1-9]\d{0,24})(?:\.\d{1,24})?$/;
const DATE = /^(\d{4})-?(\d{2})-?(\d{2})$/;
/** RFC 3339 section 5.6; the offset is needed, because a guessed one is wrong somewhere. */
const DATE_TIME =
  /^\d{4}-\d{2}-\d{2}[Tt ](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:[Zz]|[+-](?:[01]\d|2[0-3]):?[0-5]\d)$/;
/** The last millisecond of the year 9999, the last that RFC 3339 can write. */
const MAX_EPOCH_MS = 253_402_300_799_999;
const MIN_EPOCH_MS = -62_167_219_200_000;

function numberOf(value: unknown): number | undefined {
  const number = typeof value === 'string' && DECIMAL.test(value) ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined;
}

function integerOf(value: unknown): number | undefined {
  const number = numberOf(value);
  return Number.isSafeInteger(number) ? number : undefined;
}

function calendarDate(text: string): string | undefined {
  const [, year = '', month = '', day = ''] = DATE.exec(text) ?? [];
  const date = `${year}-${month}-${day}`;
  const ms = Date.parse(`${date}T00:00:00Z`);
  return Number.isNaN(ms) || new Date(ms).toISOString().slice(0, 10) !== date ? undefined : date;
}

function momentOf(text: string): string | undefined {
  if (!DATE_TIME.test(text) || calendarDate(text.slice(0, 10)) === undefined) return undefined;
  const offset = /([+-]\d{2}):?(\d{2})$/.exec(text.slice(19));
  const time = text.slice(0, 19).replace(/[t ]/, 'T') + (/^\.\d{1,3}/.exec(text.slice(19))?.[0] ?? '');
  return timeOf(Date.parse(`${time}${offset ? `${offset[1]}:${offset[2]}` : 'Z'}`));
}

function timeOf(ms: number): string | undefined {
  return ms >= MIN_EPOCH_MS && ms <= MAX_EPOCH_MS ? new Date(ms).toISOString() : undefined;
}

function epochOf(value: unknown, unitMs: number): string | undefined {
  const count = numberOf(value);
  return count === undefined ? undefined : timeOf(Math.round(count * unitMs));
}

/** Every type by its name in the configuration. Dates become RFC 3339: full-date, or date-time in UTC. */
export const fieldTypes = {
  string: (value) => {
    if (typeof value === 'string') return value;
    // A number beyond this has lost digits already when it is read.
    return typeof value === 'number' && Math.abs(value) <= Number.MAX_SAFE_INTEGER
      ? String(value)
      : undefined;
  },
  integer: integerOf,
  number: numberOf,
  boolean: (value) => {
    if (typeof value === 'boolean') return value;
    return value === 'true' ? true : value === 'false' ? false : undefined;
  },
  date: (value) => (typeof value === 'string' ? (calendarDate(value) ?? momentOf(value)) : undefined),
  epoch_seconds: (value) => epochOf(value, 1_000),
  epoch_ms: (value) => epochOf(value, 1),
} as const satisfies Record<string, Convert>;

export type FieldType = keyof typeof fieldTypes;
export const FIELD_TYPES = Object.keys(fieldTypes) as [FieldType, ...FieldType[]];

/** Types whose values are text in the profile, so that a mask can be laid over them. */
export const TEXT_TYPES: ReadonlySet<FieldType> = new Set(['string', 'date', 'epoch_seconds', 'epoch_ms']);
export const DATE_TYPES: ReadonlySet<FieldType> = new Set(['date', 'epoch_seconds', 'epoch_ms']);
