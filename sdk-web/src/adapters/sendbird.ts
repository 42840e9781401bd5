import type { Symbolon } from '../symbolon.ts';
import type { SymbolonError } from '../symbolon-error.ts';
import type { Chat } from './page.ts';
import { proofWithin } from './patience.ts';
import { attach } from './widget.ts';

interface SessionHandlerParts {
  onSessionTokenRequired(resolve: (token: string | null) => void, reject: (error: Error) => void): void;
}

/** The part of Sendbird's chat instance that is used. */
export interface SendbirdChat {
  connect(userId: string, token: string): Promise<unknown>;
  disconnect(): Promise<unknown>;
  setSessionHandler(handler: unknown): unknown;
}

export interface SendbirdSettings {
  sb: SendbirdChat;
  /** `SessionHandler` of `@sendbird/chat`; by default a plain object of the same shape is set. */
  SessionHandler?: new (
    parts: SessionHandlerParts,
  ) => unknown;
}

/** Sendbird's `sessionTokenRefreshTimeout` unless it was changed. */
const PATIENCE_SECONDS = 55;

/** Sendbird Chat with session tokens. */
export function sendbird(symbolon: Symbolon, { sb, SessionHandler }: SendbirdSettings): Chat {
  const parts: SessionHandlerParts = {
    onSessionTokenRequired(resolve, reject) {
      proofWithin(symbolon, PATIENCE_SECONDS, { fresh: true }).then(
        ({ token }) => resolve(token),
        (error: SymbolonError) => {
          symbolon.report(error);
          // `null` ends the session for good: only right when nobody is signed in.
          if (error.code === 'signed_out') resolve(null);
          else reject(error);
        },
      );
    },
  };
  const stop = attach(symbolon, {
    async login(customerId) {
      sb.setSessionHandler(SessionHandler ? new SessionHandler(parts) : parts);
      const { token } = await proofWithin(symbolon, PATIENCE_SECONDS);
      if (symbolon.customerId === customerId) await sb.connect(customerId, token);
    },
    reset: () => sb.disconnect(),
  });
  return { stop };
}
