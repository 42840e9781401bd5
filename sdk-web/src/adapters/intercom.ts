import type { Symbolon } from '../symbolon.ts';
import { bootIntercom, type IntercomOptions, type IntercomSettings } from './intercom-boot.ts';
import type { Chat } from './page.ts';

/** Intercom with Messenger Security (JWT); booted again with each newer token. */
export function intercom(symbolon: Symbolon, settings: IntercomSettings, options?: IntercomOptions): Chat {
  return bootIntercom(symbolon, settings, {
    ...options,
    identity: ({ token }) => ({ intercom_user_jwt: token }),
  });
}
