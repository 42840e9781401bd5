import type { Symbolon } from '../symbolon.ts';
import { type Chat, vendor } from './page.ts';
import { proofWithin } from './patience.ts';
import { attach } from './widget.ts';

interface FreshchatWidget {
  init(settings: Record<string, unknown>): void;
  authenticate(jwt: string): void;
  on?(event: string, listener: (event: { data?: { frameState?: string } }) => void): void;
  user: {
    getUUID?(): Promise<{ data?: { uuid?: string } }>;
    clear(): Promise<unknown>;
  };
}

const PATIENCE_SECONDS = 30;

/**
 * Freshchat. `settings` are those of `fcWidget.init` (`token`, `host`), which this calls; without them the page did.
 * The proof names the id that the widget gave itself (`freshchat_uuid`), where the widget tells one.
 */
export function freshchat(symbolon: Symbolon, settings?: Record<string, unknown>): Chat {
  const widget = () => vendor('fcWidget') as FreshchatWidget;
  let started = settings === undefined;
  let listening = false;

  async function authenticate(customerId: string, fresh: boolean): Promise<void> {
    const uuid = (await widget().user.getUUID?.())?.data?.uuid;
    const input = uuid ? { input: { freshchat_uuid: uuid } } : {};
    const { token } = await proofWithin(symbolon, PATIENCE_SECONDS, { ...input, fresh });
    if (symbolon.customerId === customerId) widget().authenticate(token);
  }
  function listen(): void {
    if (listening) return;
    listening = true;
    widget().on?.('frame:statechange', ({ data }) => {
      const { customerId } = symbolon;
      if (customerId && data?.frameState === 'not_authenticated') {
        void authenticate(customerId, true).catch(symbolon.report);
      }
    });
  }

  const stop = attach(symbolon, {
    async login(customerId) {
      const { token, web } = await proofWithin(symbolon, PATIENCE_SECONDS);
      const { externalId = customerId } = web;
      if (!started) widget().init({ ...settings, externalId, jwtAuthToken: token });
      started = true;
      await authenticate(customerId, false);
      listen();
    },
    reset: () => widget().user.clear(),
  });
  return { stop };
}
