import type { Symbolon } from '../symbolon.ts';
import { type Chat, nowOrWhenReady, page, ready, vendor } from './page.ts';
import { attach } from './widget.ts';

interface ChatwootWidget {
  hasLoaded?: boolean;
  setUser(identifier: string, user: Record<string, unknown>): void;
  reset(): void;
}

/** Chatwoot with identity validation. Its own snippet loads the chat. */
export function chatwoot(symbolon: Symbolon): Chat {
  const chat = () => page.$chatwoot as ChatwootWidget | undefined;
  const isReady = () => chat()?.hasLoaded === true;
  const whenReady = ready('chatwoot:ready', isReady);
  const stop = attach(symbolon, {
    // The chat may become ready long after this: nobody waits for it.
    login(customerId) {
      void Promise.all([symbolon.getProof(), whenReady]).then(([{ web, token }]) => {
        if (symbolon.customerId !== customerId) return;
        const { identifier = customerId, ...user } = web;
        (vendor('$chatwoot') as ChatwootWidget).setUser(identifier as string, {
          identifier_hash: token,
          ...user,
        });
      }, symbolon.report);
    },
    reset: () => nowOrWhenReady(whenReady, isReady, () => chat()?.reset()),
  });
  return { stop };
}
