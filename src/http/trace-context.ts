import { pooledRandomHex } from '../platform/random.ts';

const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

/**
 * The `traceparent` for a call that we make on behalf of a request (W3C Trace Context): the caller's trace goes on,
 * with a span of ours, when it sent a well-formed header; else a trace starts here.
 */
export function nextTraceparent(incoming: string | undefined): string {
  const match = incoming === undefined ? null : TRACEPARENT.exec(incoming);
  const random = pooledRandomHex(24);
  const span = random.slice(0, 16);
  if (match && !/^0+$/.test(match[1] as string)) return `00-${match[1]}-${span}-${match[3]}`;
  return `00-${random.slice(16)}-${span}-00`;
}
