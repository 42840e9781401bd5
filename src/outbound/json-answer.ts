import { z } from 'zod';
import { decodeUtf8 } from '../platform/encoding.ts';
import { repeatsMember } from '../platform/json-members.ts';
import { isJsonObject } from '../platform/json-object.ts';
import type { OutboundResponse } from './outbound-types.ts';

export type JsonObject = Record<string, unknown>;

/** Members to walk through: names, or numbers for places in an array. */
export type AnswerPath = readonly (string | number)[];

const JSON_TYPE = /^application\/(?:json|[a-z0-9.+-]+\+json)\s*(?:;\s*charset="?utf-8"?\s*)?$/i;
const PATH = /^[^.[\]\s]+(?:\[\d{1,4}\])*(?:\.[^.[\]\s]+(?:\[\d{1,4}\])*)*$/;
const STEP = /\[(\d+)\]|[^.[\]]+/g;

/** A path into an answer as the configuration writes it: `account.plan`, `lines[0].number`. */
export const answerPathSetting = z
  .string()
  .max(256)
  .regex(PATH, 'must be a path such as account.plan or lines[0].number');

export function parseAnswerPath(text: string): AnswerPath {
  return [...text.matchAll(STEP)].map((step) => (step[1] === undefined ? step[0] : Number(step[1])));
}

/** The value at a path, by own members alone, so that names such as `constructor` find nothing of ours. */
export function valueAt(value: unknown, path: AnswerPath): unknown {
  let found = value;
  for (const step of path) {
    if (typeof found !== 'object' || found === null) return undefined;
    if (Array.isArray(found) !== (typeof step === 'number') || !Object.hasOwn(found, step)) return undefined;
    found = Reflect.get(found, step);
  }
  return found;
}

/** Why a body is no JSON object; `repeated_member`: nobody can say whom an answer names that names two. */
export type AnswerFault = 'not_json' | 'not_utf8' | 'not_object' | 'repeated_member';

/** The body as a JSON object, or why it is none: another type, other bytes, or an outermost member stands twice. */
export function parseJsonObject(response: OutboundResponse): JsonObject | AnswerFault {
  if (!JSON_TYPE.test(response.headers['content-type'] ?? '')) return 'not_json';
  const text = decodeUtf8(response.body);
  if (text === undefined) return 'not_utf8';
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'not_json';
  }
  if (!isJsonObject(value)) return 'not_object';
  return repeatsMember(text, value) ? 'repeated_member' : value;
}

/** The body as a JSON object; `undefined` when it is none. */
export function readJsonObject(response: OutboundResponse): JsonObject | undefined {
  const answer = parseJsonObject(response);
  return typeof answer === 'string' ? undefined : answer;
}
