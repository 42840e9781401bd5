import type { Symbolon } from '../symbolon.ts';
import { type Chat, vendorCall } from './page.ts';
import { proofOnDemand } from './patience.ts';
import { attach } from './widget.ts';

export interface AmazonConnectSettings {
  /** The page's CSP nonce, which the widget puts on the tags that it adds. */
  nonce?: string;
  /** The widget has no call that forgets a customer: what the page does instead, such as loading itself anew. */
  reset?: () => void;
}

const PATIENCE_SECONDS = 30;

/** Amazon Connect's chat widget, which asks for the token when a chat starts. Its own snippet loads it. */
export function amazonConnect(symbolon: Symbolon, { nonce, reset }: AmazonConnectSettings = {}): Chat {
  let asked = false;
  if (nonce) vendorCall('amazon_connect', 'nonce', nonce);
  const stop = attach(symbolon, {
    login() {
      if (asked) return;
      asked = true;
      const proof = proofOnDemand(symbolon, PATIENCE_SECONDS);
      vendorCall(
        'amazon_connect',
        'authenticate',
        (callback: (jwt: string) => void) =>
          void proof().then(({ token }) => callback(token), symbolon.report),
      );
    },
    reset: () => reset?.(),
  });
  return { stop };
}
