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
 * preflight, and an `Origin` that is ours or that a channel lists. A request without any Origin is refused. Whose
 * channel it is, `requireOriginOf` checks once the session is known.
 * Throws `CSRF_REJECTED` or `ORIGIN_NOT_ALLOWED`.
 */
export function requireOwnPage(req: Request, rules: OriginRules): void {
  const origin = header(req, 'origin');
  if (origin === undefined || !isAllowed(origin, rules)) throw new BridgeError('ORIGIN_NOT_ALLOWED');
  if (header(req, 'x-symbolon-csrf') !== '1') throw new BridgeError('CSRF_REJECTED');
}

/**
 * An origin speaks only for the channels that list it: the page of one partner must not use a session that was opened
 * in another's chat. Throws `ORIGIN_NOT_ALLOWED`.
 */
export function requireOriginOf(req: Request, rules: OriginRules, channelId: string): void {
  const origin = header(req, 'origin');
  if (origin === undefined || origin === rules.publicOrigin) return;
  if (!rules.channels.find(channelId)?.allowedOrigins.includes(origin)) {
    throw new BridgeError('ORIGIN_NOT_ALLOWED');
  }
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
