import { InvalidArgumentError } from 'commander';

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
