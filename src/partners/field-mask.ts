import { z } from 'zod';

/**
 * What a mask leaves of a value. `last_four`: the last four letters or digits, of at least eight; `initials`: the
 * first letter of each word, of four at most; `year`: the year of a date; `hidden`: only that there is a value.
 * A hash is no mask: what has few possible values is found by trying them all.
 */
export const MASK_NAMES = ['last_four', 'initials', 'year', 'hidden'] as const;
export type MaskName = (typeof MASK_NAMES)[number];

export const maskSetting = z.enum(MASK_NAMES);

/** Stands for what is hidden, and says nothing of its length. */
const COVER = '••••';
const SHOWN = 4;
/** Below this many letters and digits, four of them would tell half of the value or more. */
const LEAST_TO_SHOW = 8;
/** Characters have two code units at most. */
const TAIL_UNITS = 2 * LEAST_TO_SHOW;
const MAX_WORDS = 4;
/** Longer lists are not looked through. */
const MAX_MEMBERS = 1_000;

function lastFour(text: string): string {
  const tail = Array.from(text.replaceAll(/[^\p{L}\p{N}]/gu, '').slice(-TAIL_UNITS));
  return tail.length < LEAST_TO_SHOW ? COVER : COVER + tail.slice(-SHOWN).join('');
}

function initials(text: string): string | undefined {
  const letters = text
    .trim()
    .split(/\s+/, MAX_WORDS)
    .flatMap((word) => /\p{L}/u.exec(word) ?? []);
  return letters.length === 0 ? undefined : letters.map((letter) => `${letter}.`).join(' ');
}

const DATE = /^(\d{4})-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])(?:$|T)/;

const masks: Record<MaskName, (text: string) => string | undefined> = {
  last_four: lastFour,
  initials,
  year: (text) => DATE.exec(text)?.[1],
  hidden: () => COVER,
};

/**
 * What a mask leaves of a value: text of a text or a whole number, a list of a list of these, `null` of `null`.
 * `undefined` when the mask does not fit, so that nothing is shown.
 */
export function maskedValue(mask: MaskName, value: unknown): unknown {
  if (value === null || value === undefined) return value;
  if (mask === 'hidden') return COVER;
  if (typeof value === 'string') return masks[mask](value);
  if (typeof value === 'number') {
    return Number.isSafeInteger(value) ? masks[mask](String(value)) : undefined;
  }
  if (!Array.isArray(value) || value.length > MAX_MEMBERS) return undefined;
  const shown = value.map((member) => (Array.isArray(member) ? undefined : maskedValue(mask, member)));
  return shown.includes(undefined) ? undefined : shown;
}
