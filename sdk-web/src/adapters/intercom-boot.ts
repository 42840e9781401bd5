import type { Proof } from '../held-proofs.ts';
import type { Symbolon } from '../symbolon.ts';
import { type Chat, vendorCall } from './page.ts';
import { attach } from './widget.ts';

export interface IntercomOptions {
  /** Boots the messenger for visitors, too. Default false. */
  visitors?: boolean;
}

/** Settings of `Intercom('boot')`: `app_id`, `api_base`, … but nothing about the customer, which the proof says. */
export type IntercomSettings = Record<string, unknown>;

/** Boots the messenger with what `identity` makes of each proof. */
export function bootIntercom(
  symbolon: Symbolon,
  settings: IntercomSettings,
  { visitors = false, identity }: IntercomOptions & { identity(proof: Proof): Record<string, unknown> },
): Chat {
  const boot = async () => {
    const proof = await symbolon.getProof();
    vendorCall('Intercom', 'boot', { ...settings, ...identity(proof), ...proof.web });
  };
  const stop = attach(symbolon, {
    login: boot,
    renewed: boot,
    reset: () => vendorCall('Intercom', 'shutdown'),
    visitor: () => visitors && vendorCall('Intercom', 'boot', settings),
  });
  return { stop };
}
