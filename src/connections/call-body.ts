import { isHeaderValue } from '../outbound/outbound-settings.ts';
import { isJsonObject } from '../platform/json-object.ts';
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

const same = (left: unknown, right: string | string[]): boolean =>
  JSON.stringify(left) === JSON.stringify(right);

/** A name as the most forgiving JSON reader compares it: without case, and without letters that look alike. */
const folded = (name: string): string => name.normalize('NFKC').toLowerCase();

/** Whether a member stands there under another spelling, which its reader may take for the one that is meant. */
function hasTwin(body: CallBody, name: string): boolean {
  const wanted = folded(name);
  return Object.keys(body).some((key) => key !== name && folded(key) === wanted);
}

/** Whether a body says anything at this path, or could be read as if it did. */
function holdsMember(body: CallBody, path: string): boolean {
  const steps = path.split('.');
  const last = steps.pop() as string;
  let at = body;
  for (const step of steps) {
    if (hasTwin(at, step)) return true;
    const next = Object.hasOwn(at, step) ? at[step] : undefined;
    if (next === undefined) return false;
    if (!isJsonObject(next)) return true;
    at = next;
  }
  return Object.hasOwn(at, last) || hasTwin(at, last);
}

/** Sets one member, making the objects on the way. False when it, or one on the way, holds something else or has a twin. */
function setMember(body: CallBody, path: string, value: string | string[]): boolean {
  const steps = path.split('.');
  const last = steps.pop() as string;
  let at = body;
  for (const step of steps) {
    if (hasTwin(at, step)) return false;
    const next = Object.hasOwn(at, step) ? at[step] : (at[step] = {});
    if (!isJsonObject(next)) return false;
    at = next;
  }
  if (hasTwin(at, last) || (Object.hasOwn(at, last) && !same(at[last], value))) return false;
  at[last] = value;
  return true;
}

/** What a refused place is called: by its path when the body was at fault, which the caller wrote. */
const memberOf = (place: Place | undefined, customer: CallCustomer | undefined): string =>
  !customer && place?.in === 'body' ? place.path : 'customer';

const placed = (place: BodyPlace, value: string): string | string[] => (place.list ? [value] : value);

/**
 * Adds to a call what its record says: the customer's identifier and token, and fixed members. What is there already
 * must be the same; otherwise the answer names the member. Where no customer is proven, the places of a customer must
 * be empty: whoever fills them speaks as whom they like. `body` itself is left as it is.
 */
export function completeCall(
  open: Pick<OpenPath, 'identifier' | 'token' | 'fixed'>,
  given: { body: CallBody | undefined; customer: CallCustomer | undefined },
): { body: CallBody | undefined; headers: Record<string, string> } | BodyProblem {
  const { customer } = given;
  const headers: Record<string, string> = {};
  const wanted: [path: string, value: string | string[]][] = Object.entries(open.fixed ?? {});
  const add = (place: Place | undefined, value: string | undefined): boolean => {
    if (!place) return true;
    if (value === undefined)
      return customer !== undefined || place.in !== 'body' || !holdsMember(given.body ?? {}, place.path);
    if (place.in === 'body') wanted.push([place.path, placed(place, value)]);
    else if (isHeaderValue(value)) headers[place.name] = value;
    else return false;
    return true;
  };
  if (!add(open.identifier, customer?.identifier)) return { member: memberOf(open.identifier, customer) };
  if (!add(open.token, customer?.token)) return { member: memberOf(open.token, customer) };
  if (given.body === undefined && wanted.length === 0) return { body: undefined, headers };
  const body = structuredClone(given.body ?? {});
  for (const [path, value] of wanted) if (!setMember(body, path, value)) return { member: path };
  return { body, headers };
}
