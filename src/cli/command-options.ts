import { InvalidArgumentError } from 'commander';

/** Options that every command takes, before or after its name. */
export interface GlobalOptions {
  config?: string;
  json?: boolean;
  debug?: boolean;
}

export type Listed = string[];

/** Parses `a,b,c`; repeating the option adds to the list. An empty text is an empty list. */
export function commandList(text: string, earlier?: Listed): Listed {
  const names = text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  return [...(earlier ?? []), ...names];
}

/** Parses a whole number within bounds. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d{1,15}$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
    }
    return value;
  };
}

/** Parses a moment (`2030-01-31` or with a time of day, UTC) into ISO 8601. */
export function moment(text: string): string {
  const whole = /^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00:00Z` : text;
  if (
    !/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?Z$/.test(whole) ||
    Number.isNaN(Date.parse(whole))
  ) {
    throw new InvalidArgumentError('It must be a moment in UTC such as 2030-01-31 or 2030-01-31T12:00:00Z.');
  }
  return new Date(whole).toISOString();
}

/** Parses a moment, or leaves `never` as it is. */
export function momentOrNever(text: string): string {
  return text === 'never' ? text : moment(text);
}

/** Parses a reason for the audit log, which keeps none that is shorter. */
export function reasonText(text: string): string {
  if (text.length < 3) throw new InvalidArgumentError('It must have 3 characters or more.');
  return text;
}

const SECONDS_IN = { s: 1, m: 60, h: 3_600, d: 86_400 } as const;

/** Parses a duration (`7d`, `24h`, `30m`, `90s`) into seconds. */
export function duration(text: string): number {
  const [, count, unit] = /^(\d{1,7})([smhd])$/.exec(text) ?? [];
  if (unit === undefined)
    throw new InvalidArgumentError('It must be a duration such as 7d, 24h, 30m or 90s.');
  return Number(count) * SECONDS_IN[unit as keyof typeof SECONDS_IN];
}
