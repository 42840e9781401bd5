import type { Symbolon } from '../symbolon.ts';
import { type Chat, vendorCall } from './page.ts';
import { attach } from './widget.ts';

export interface HelpScoutSettings {
  /** Calls `Beacon('init')` with it, unless the page does. */
  beaconId?: string;
}

/** Help Scout's Beacon in secure mode. */
export function helpScout(symbolon: Symbolon, { beaconId }: HelpScoutSettings = {}): Chat {
  const beacon = (...args: unknown[]) => vendorCall('Beacon', ...args);
  if (beaconId) beacon('init', beaconId);
  const stop = attach(symbolon, {
    async login(customerId) {
      const { web, token } = await symbolon.getProof();
      if (symbolon.customerId === customerId) beacon('identify', { signature: token, ...web });
    },
    reset: () => beacon('logout', { endActiveChat: true }),
  });
  return { stop };
}
