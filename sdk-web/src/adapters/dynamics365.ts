import type { Symbolon } from '../symbolon.ts';
import { type Chat, nowOrWhenReady, page, ready } from './page.ts';
import { proofWithin } from './patience.ts';
import { attach } from './widget.ts';

interface LiveChatSdk {
  setAuthTokenProvider(provider: (callback: (jwt: string | null) => void) => void): void;
  closeChat(): void;
}
interface Microsoft {
  Omnichannel?: { LiveChatWidget?: { SDK?: LiveChatSdk } };
}

/** The widget waits ten seconds. */
const PATIENCE_SECONDS = 9;

/** Dynamics 365 Omnichannel's live chat, which asks for the token when a chat starts. Its own snippet loads it. */
export function dynamics365(symbolon: Symbolon): Chat {
  const sdk = () => (page.Microsoft as Microsoft | undefined)?.Omnichannel?.LiveChatWidget?.SDK;
  const isReady = () => sdk() !== undefined;
  const whenReady = ready('lcw:ready', isReady);
  const stop = attach(symbolon, {
    // The widget may become ready long after this: nobody waits for it.
    login(customerId) {
      void whenReady.then(() => {
        if (symbolon.customerId !== customerId) return;
        sdk()?.setAuthTokenProvider((callback) => {
          proofWithin(symbolon, PATIENCE_SECONDS).then(
            ({ token }) => callback(token),
            (error: unknown) => {
              symbolon.report(error);
              callback(null);
            },
          );
        });
      });
    },
    reset: () =>
      nowOrWhenReady(whenReady, isReady, () => {
        sdk()?.setAuthTokenProvider((callback) => callback(null));
        sdk()?.closeChat();
      }),
  });
  return { stop };
}
