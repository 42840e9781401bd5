import type { Symbolon } from '../symbolon.ts';
import { type Chat, page } from './page.ts';
import { attach } from './widget.ts';

export interface CrispSettings {
  /** Sets `CRISP_WEBSITE_ID`, unless the page does. */
  websiteId?: string;
  /** The customer's secret token at Crisp, which brings their chat back on any device; kept by the company. */
  tokenId?: () => Promise<string>;
}

/** Crisp with a verified e-mail address. Crisp's own script loads the chat. */
export function crisp(symbolon: Symbolon, { websiteId, tokenId }: CrispSettings = {}): Chat {
  const push = (command: unknown[]) => {
    ((page.$crisp ??= []) as { push(command: unknown[]): void }).push(command);
  };
  if (websiteId) page.CRISP_WEBSITE_ID ??= websiteId;
  const stop = attach(symbolon, {
    async login(customerId) {
      const [{ web, token }, id] = await Promise.all([symbolon.getProof(), tokenId?.()]);
      if (symbolon.customerId !== customerId) return;
      if (id) {
        page.CRISP_TOKEN_ID = id;
        // A chat that is already there takes the token only with a new session.
        push(['do', 'session:reset']);
      }
      push(['set', 'user:email', [web.email, web.signature ?? token]]);
    },
    reset() {
      // In this order: with the token still there the reset would bring the same customer back.
      page.CRISP_TOKEN_ID = null;
      push(['do', 'session:reset']);
    },
  });
  return { stop };
}
