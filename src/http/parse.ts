import type { z } from 'zod';
import { BridgeError } from '../errors.ts';

/**
 * Checks a value against a contract's schema. Throws `INVALID_REQUEST` that names the first wrong member and what it
 * should be, never its value.
 */
export function parseWith<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const member =
    issue?.path.map(String).join('.') || (issue?.code === 'unrecognized_keys' ? issue.keys.join(', ') : '');
  throw new BridgeError('INVALID_REQUEST', {
    message: 'A member of the request is missing or not of the right type.',
    details: { member: member.slice(0, 64), expected: expectation(issue) },
  });
}

/** A bound in words: of a text in characters, of a number by itself. */
function bound(
  origin: string,
  { word, short, limit }: { word: string; short: string; limit: number | bigint },
): string {
  if (origin !== 'string') return `${word} ${limit}`;
  return `${limit} ${Number(limit) === 1 ? 'character' : 'characters'} or ${short}`;
}

function expectation(issue: z.core.$ZodIssue | undefined): string {
  switch (issue?.code) {
    case 'invalid_type':
      return issue.expected;
    case 'too_big':
      return bound(issue.origin, { word: 'at most', short: 'less', limit: issue.maximum });
    case 'too_small':
      return bound(issue.origin, { word: 'at least', short: 'more', limit: issue.minimum });
    case 'invalid_value':
      return issue.values.map(String).join(' or ');
    case 'unrecognized_keys':
      return 'no such member';
    case 'custom':
      return issue.message;
    default:
      return 'another form';
  }
}
