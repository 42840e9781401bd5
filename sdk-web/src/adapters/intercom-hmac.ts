import type { Symbolon } from '../symbolon.ts';
import { bootIntercom, type IntercomOptions, type IntercomSettings } from './intercom-boot.ts';
import type { Chat } from './page.ts';

/** Intercom with the older identity verification, a hash of the identifier. */
export function intercomHmac(
  symbolon: Symbolon,
  settings: IntercomSettings,
  options?: IntercomOptions,
): Chat {
  return bootIntercom(symbolon, settings, {
    ...options,
    identity: ({ token, customerId }) => ({ user_id: customerId, user_hash: token }),
  });
}
