import type { Symbolon } from '../symbolon.ts';
import { type Chat, nowOrWhenReady, onPageEvent, page, ready, vendor } from './page.ts';
import { proofWithin } from './patience.ts';
import { attach } from './widget.ts';

interface Bootstrap {
  userVerificationAPI: {
    setIdentityToken(token: { identityTokenType: string; identityToken: string }): unknown;
    clearSession(shouldEndSession?: boolean): unknown;
  };
}

/** Salesforce clears the session when a new token takes longer than this. */
const PATIENCE_SECONDS = 30;

/** Salesforce Enhanced Chat (Messaging for Web) with user verification. Its own snippet starts the chat. */
export function salesforce(symbolon: Symbolon): Chat {
  const bootstrap = () => (vendor('embeddedservice_bootstrap') as Bootstrap).userVerificationAPI;
  const isReady = () => Boolean((page.embeddedservice_bootstrap as Partial<Bootstrap>)?.userVerificationAPI);
  const whenReady = ready('onEmbeddedMessagingReady', isReady);
  async function push(fresh = false): Promise<void> {
    await whenReady;
    const { token } = await proofWithin(symbolon, PATIENCE_SECONDS, { fresh });
    await bootstrap().setIdentityToken({ identityTokenType: 'JWT', identityToken: token });
  }
  const stopListening = onPageEvent(
    'onEmbeddedMessagingIdentityTokenExpired',
    () => void push(true).catch(symbolon.report),
  );
  const detach = attach(symbolon, {
    // Salesforce may become ready long after this: nobody waits for it.
    login: () => void push().catch(symbolon.report),
    renewed: () => push(),
    reset: () => nowOrWhenReady(whenReady, isReady, () => bootstrap().clearSession()),
  });
  return {
    stop() {
      stopListening();
      detach();
    },
  };
}
