import type { Symbolon } from '../symbolon.ts';
import { type Chat, vendorCall } from './page.ts';
import { proofWithin } from './patience.ts';
import { attach } from './widget.ts';

/** What ASAPP is given about the customer: `Auth` comes from the bridge. */
export type AsappContext = Record<string, unknown>;

export interface AsappOptions {
  /** More for the context, asked each time: `CustomerInfo`, `Segments`, … Nothing personal: ASAPP forbids it. */
  context?: () => AsappContext;
  /**
   * The customer pressed ASAPP's "Log In": show the sign-in, then call `symbolon.start()`. With it, the chat stays
   * when the session ends by itself, and is reset before anybody else's.
   */
  onLogin?: (data: unknown) => void;
  /** Loads the chat for visitors, too. Default false. */
  visitors?: boolean;
}

export interface AsappChat extends Chat {
  /** For pages that call `ASAPP('load')` or `setCustomer` themselves. */
  ContextProvider(callback: (context: AsappContext) => void, needsRefresh?: boolean): void;
  UserLoginHandler(data: unknown): void;
}

/** ASAPP names no limit; a customer who typed waits no longer than this. */
const PATIENCE_SECONDS = 60;

/**
 * ASAPP's web chat. `settings` are those of `ASAPP('load')`, such as `APIHostname` and `AppId`; without them the page
 * loads the chat and this only signs customers in and out.
 */
export function asapp(
  symbolon: Symbolon,
  settings?: Record<string, unknown>,
  options: AsappOptions = {},
): AsappChat {
  let loaded = settings === undefined;
  /** In this life of the page; what an earlier one left in the browser is nobody's to see. */
  let customerShown = false;

  /** ASAPP calls this at every key that is pressed: the answer is the kept proof unless ASAPP saw it refused. */
  const ContextProvider: AsappChat['ContextProvider'] = (callback, needsRefresh = false) => {
    // Without a proof ASAPP is told nothing: an answer without `Auth` would make the customer anonymous.
    void proofWithin(symbolon, PATIENCE_SECONDS, { fresh: needsRefresh }).then(
      ({ token, web }) => callback({ ...options.context?.(), Auth: web.Auth ?? { Token: token } }),
      symbolon.report,
    );
  };
  const UserLoginHandler = (data: unknown) => options.onLogin?.(data);
  const handlers = options.onLogin ? { UserLoginHandler } : {};

  function show(identity: Record<string, unknown>): void {
    if (loaded) vendorCall('ASAPP', 'setCustomer', identity);
    else vendorCall('ASAPP', 'load', { ...settings, ...identity });
    loaded = true;
  }

  const stop = attach(symbolon, {
    login(customerId) {
      customerShown = true;
      show({ CustomerId: customerId, ContextProvider, ...handlers });
    },
    reset(reason) {
      if (reason === 'ended' && options.onLogin && customerShown) return false;
      customerShown = false;
      vendorCall('ASAPP', 'unloadAndClearSession');
      loaded = settings === undefined;
      return true;
    },
    visitor() {
      if (options.visitors && !loaded) show(handlers);
    },
  });
  return { ContextProvider, UserLoginHandler, stop };
}
