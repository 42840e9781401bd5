import type { Symbolon } from '../symbolon.ts';
import { type Chat, vendorCall } from './page.ts';
import { attach } from './widget.ts';

export interface FrontOptions {
  /** Opens the chat to visitors, too. Default false. */
  visitors?: boolean;
}

/** Front Chat with verified e-mail address. `settings` are those of `FrontChat('init')`: `chatId`, `nonce`, … */
export function front(
  symbolon: Symbolon,
  settings: Record<string, unknown>,
  { visitors = false }: FrontOptions = {},
): Chat {
  let shown = false;
  const shutdown = () => {
    if (shown) vendorCall('FrontChat', 'shutdown', { clearSession: true });
    shown = false;
  };
  const init = (identity: Record<string, unknown>) => {
    // Front takes a second `init` only after a shutdown.
    shutdown();
    shown = true;
    vendorCall('FrontChat', 'init', { ...settings, ...identity });
  };
  const stop = attach(symbolon, {
    async login(customerId) {
      const { web, token } = await symbolon.getProof();
      if (symbolon.customerId === customerId) init({ userHash: token, ...web });
    },
    reset() {
      // The widget of an earlier page of this site may have left a session behind.
      shown = true;
      shutdown();
    },
    visitor: () => visitors && init({}),
  });
  return { stop };
}
