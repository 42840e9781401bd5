import type { FetchLike } from '../bridge-call.ts';
import type { Symbolon } from '../symbolon.ts';
import { proofWithin } from './patience.ts';

export interface BotpressSettings {
  /** The webhook of the Chat integration. */
  webhookId: string;
  /** Default `https://chat.botpress.cloud`. */
  apiUrl?: string;
}

/** The part of an answer that is used; the platform's own `Response`. */
export interface BotpressAnswer {
  status: number;
  text(): Promise<string>;
}

/** Calls the Chat API as the customer: `call('GET', 'conversations')`. Rejects with `signed_out` when nobody is signed in. */
export type BotpressCall = (method: string, path: string, body?: unknown) => Promise<BotpressAnswer>;

declare const fetch: (url: string, options: object) => ReturnType<FetchLike>;

const PATIENCE_SECONDS = 30;

/**
 * Botpress' Chat API, for pages that draw the chat themselves: a function that shows the customer's key with each call,
 * and once more with a new one if the key was refused.
 */
export function botpress(
  symbolon: Symbolon,
  { webhookId, apiUrl = 'https://chat.botpress.cloud' }: BotpressSettings,
): BotpressCall {
  return async (method, path, body) => {
    const send = async (fresh: boolean) => {
      const { token } = await proofWithin(symbolon, PATIENCE_SECONDS, { fresh });
      return fetch(`${apiUrl}/${encodeURIComponent(webhookId)}/${path}`, {
        method,
        headers: {
          'x-user-key': token,
          ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    };
    const answer = await send(false);
    return answer.status === 401 ? send(true) : answer;
  };
}
