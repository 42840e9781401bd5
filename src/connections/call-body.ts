import { isHeaderValue } from '../outbound/outbound-settings.ts';
import type { BodyPlace, OpenPath, Place } from './presets/preset.ts';

export type CallBody = Record<string, unknown>;

/** The customer that a call speaks for. */
export interface CallCustomer {
  /** As the partner knows the customer. */
  identifier: string;
  /** The customer's own token, where the partner passes one on. */
  token?: string | undefined;
}

/** Why nothing can be sent: a member that the call must leave to us holds something else. */
export interface BodyProblem {
  member: string;
}

const MAX_DEPTH = 32;

/** Whether a value is nested no deeper than we are ready to write out again. */
export function isShallow(value: unknown, depth = MAX_DEPTH): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (depth === 0) return false;
  return Object.values(value).every((member) => isShallow(member, depth - 1));
}

const isRecord = (value: unknown): value is CallBody =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const same = (left: unknown, right: string | string[]): boolean =>
  JSON.stringify(left) === JSON.stringify(right);

/** Sets one member, making the objects on the way. False when it, or one on the way, holds something else. */
function setMember(body: CallBody, path: string, value: string | string[]): boolean {
  const steps = path.split('.');
  const last = steps.pop() as string;
  let at = body;
  for (const step of steps) {
    const next = Object.hasOwn(at, step) ? at[step] : (at[step] = {});
    if (!isRecord(next)) return false;
    at = next;
  }
  if (Object.hasOwn(at, last) && !same(at[last], value)) return false;
  at[last] = value;
  return true;
}

const placed = (place: BodyPlace, value: string): string | string[] => (place.list ? [value] : value);

/**
 * Adds to a call what its record says: the customer's identifier and token, and fixed members. What is there already
 * must be the same; otherwise the answer names the member. `body` itself is left as it is.
 */
export function completeCall(
  open: Pick<OpenPath, 'identifier' | 'token' | 'fixed'>,
  given: { body: CallBody | undefined; customer: CallCustomer | undefined },
): { body: CallBody | undefined; headers: Record<string, string> } | BodyProblem {
  const { customer } = given;
  const headers: Record<string, string> = {};
  const wanted: [path: string, value: string | string[]][] = Object.entries(open.fixed ?? {});
  const add = (place: Place | undefined, value: string | undefined): boolean => {
    if (!place || value === undefined) return true;
    if (place.in === 'body') wanted.push([place.path, placed(place, value)]);
    else if (isHeaderValue(value)) headers[place.name] = value;
    else return false;
    return true;
  };
  if (!add(open.identifier, customer?.identifier)) return { member: 'customer' };
  if (!add(open.token, customer?.token)) return { member: 'customer' };
  if (given.body === undefined && wanted.length === 0) return { body: undefined, headers };
  const body = structuredClone(given.body ?? {});
  for (const [path, value] of wanted) if (!setMember(body, path, value)) return { member: path };
  return { body, headers };
}
