import type { Request } from 'express';
import type { Channel, Channels } from '../channels/channel.ts';
import { BridgeError } from '../errors.ts';
import { header } from './raw-headers.ts';

export interface OriginRules {
  publicOrigin: string;
  channels: Channels;
}

/**
 * For calls that ride on an ambient cookie: needs `X-Symbolon-CSRF: 1`, which no foreign page can send without a
 * preflight, and an `Origin` that is ours or that a channel lists. A request without any Origin is refused.
 * Throws `CSRF_REJECTED` or `ORIGIN_NOT_ALLOWED`.
 */
export function requireOwnPage(req: Request, rules: OriginRules): void {
  const origin = header(req, 'origin');
  if (origin === undefined || !isAllowed(origin, rules)) throw new BridgeError('ORIGIN_NOT_ALLOWED');
  if (header(req, 'x-symbolon-csrf') !== '1') throw new BridgeError('CSRF_REJECTED');
}

/** For calls that a script without an Origin may make, but no foreign page. Throws `ORIGIN_NOT_ALLOWED`. */
export function refuseForeignOrigin(req: Request, rules: OriginRules, channel?: Channel): void {
  const origin = header(req, 'origin');
  if (origin !== undefined) {
    const allowed = channel
      ? origin === rules.publicOrigin || channel.allowedOrigins.includes(origin)
      : isAllowed(origin, rules);
    if (!allowed) throw new BridgeError('ORIGIN_NOT_ALLOWED');
    return;
  }
  const site = header(req, 'sec-fetch-site');
  if (site === 'cross-site' || site === 'same-site') throw new BridgeError('ORIGIN_NOT_ALLOWED');
}

function isAllowed(origin: string, rules: OriginRules): boolean {
  return origin === rules.publicOrigin || rules.channels.allowsOrigin(origin);
}
