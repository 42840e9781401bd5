import type { Symbolon } from '../symbolon.ts';
import { type Chat, page, vendor } from './page.ts';
import { proofWithin } from './patience.ts';
import { attach } from './widget.ts';

interface LpTag {
  identities?: unknown[];
  newPage?(url: string): void;
}

export interface LivePersonSettings {
  /** Issuer as in the token; needed for the code flow with PKCE, else the bridge says it. */
  iss?: string;
  /** Name of the token function in LivePerson's configuration. Default `lpGetAuthenticationToken`. */
  tokenFunction?: string;
}

type Identity = { iss: unknown; acr: unknown; sub: string };

const PATIENCE_SECONDS = 20;

/**
 * LivePerson in all three flows: LivePerson's own configuration and the channel's profile say which. A page in the code
 * flow with PKCE gives `iss`.
 */
export function livePerson(symbolon: Symbolon, settings: LivePersonSettings = {}): Chat {
  const { iss, tokenFunction = 'lpGetAuthenticationToken' } = settings;
  let identity: Identity | null = null;
  /** It targets campaigns; what authenticates is the token function. */
  const identityFunction = (callback: (identity: Identity | null) => void) => callback(identity);

  // LivePerson waits for ever for a callback that is not called.
  const giveToken = (callback: (answer?: unknown) => void, challenge?: unknown) => {
    const input = typeof challenge === 'string' ? { code_challenge: challenge } : undefined;
    proofWithin(symbolon, PATIENCE_SECONDS, { ...(input && { input }), single: true }).then(
      ({ token, web }) =>
        callback(input || web.ssoKey ? { ssoKey: token, redirect_uri: web.redirect_uri } : token),
      (error: unknown) => {
        symbolon.report(error);
        callback();
      },
    );
  };

  const stop = attach(symbolon, {
    async login(customerId) {
      const web = iss ? { iss } : (await symbolon.getProof({ single: true })).web;
      identity = { iss: web.iss, acr: 'loa1', sub: customerId };
      page[tokenFunction] = giveToken;
      const lpTag = vendor('lpTag') as LpTag;
      lpTag.identities ??= [];
      lpTag.identities.push(identityFunction);
      newPage(lpTag);
    },
    reset() {
      identity = null;
      delete page[tokenFunction];
      const lpTag = vendor('lpTag') as LpTag;
      const place = lpTag.identities?.indexOf(identityFunction) ?? -1;
      if (place >= 0) lpTag.identities?.splice(place, 1);
      newPage(lpTag);
    },
  });
  return { stop };
}

/** Tells LivePerson to look at the identity again. */
function newPage(lpTag: LpTag): void {
  lpTag.newPage?.((page.location as { href: string }).href);
}
