import type { Symbolon } from '../symbolon.ts';
import { type Chat, page } from './page.ts';
import { attach } from './widget.ts';

interface HubSpotConversations {
  widget: { load(): void; remove(): void };
  clear(options: { resetWidget: boolean }): void;
}

/**
 * HubSpot's chat. Call it before HubSpot's tracking code loads: the widget must not load before it knows the customer.
 * `visitors` loads it for visitors, too.
 */
export function hubspot(symbolon: Symbolon, { visitors = false }: { visitors?: boolean } = {}): Chat {
  const settings = (more: Record<string, unknown>) => {
    page.hsConversationsSettings = { ...(page.hsConversationsSettings as object), ...more };
  };
  settings({ loadImmediately: false });
  const whenReady = (work: (chat: HubSpotConversations) => void) => {
    const chat = () => page.HubSpotConversations as HubSpotConversations | undefined;
    const found = chat();
    if (found) return work(found);
    const waiting = (page.hsConversationsOnReady ??= []) as (() => void)[];
    waiting.push(() => work(chat() as HubSpotConversations));
  };
  const load = (whoseId?: string) =>
    whenReady(({ widget }) => {
      if (symbolon.customerId === whoseId) widget.load();
    });
  const stop = attach(symbolon, {
    async login(customerId) {
      const { web } = await symbolon.getProof();
      if (symbolon.customerId !== customerId) return;
      settings(web);
      load(customerId);
    },
    reset() {
      settings({ identificationEmail: undefined, identificationToken: undefined });
      whenReady((chat) => {
        chat.clear({ resetWidget: true });
        chat.widget.remove();
      });
    },
    visitor: () => visitors && load(),
  });
  return { stop };
}
