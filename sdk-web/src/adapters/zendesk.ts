import type { Symbolon } from '../symbolon.ts';
import { type Chat, vendorCall } from './page.ts';
import { proofOnDemand } from './patience.ts';
import { attach } from './widget.ts';

const PATIENCE_SECONDS = 30;

/** Zendesk messaging. Its own snippet loads the widget. */
export function zendesk(symbolon: Symbolon): Chat {
  const stop = attach(symbolon, {
    login() {
      const proof = proofOnDemand(symbolon, PATIENCE_SECONDS);
      vendorCall(
        'zE',
        'messenger',
        'loginUser',
        (callback: (jwt: string) => void) =>
          void proof().then(({ token }) => callback(token), symbolon.report),
        (error: unknown) => {
          if (error) symbolon.report(error);
        },
      );
    },
    reset: () => vendorCall('zE', 'messenger', 'logoutUser'),
  });
  return { stop };
}
