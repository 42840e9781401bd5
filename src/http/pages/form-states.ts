import { hash } from 'node:crypto';
import type { Request } from 'express';
import { BridgeError } from '../../errors.ts';
import type { Keyring } from '../../keyring/keyring.ts';
import type { Clock } from '../../platform/clock.ts';
import { randomToken } from '../../platform/random.ts';
import { rememberPastMs, replayId, type ReplayStore } from '../../replay/replay.ts';
import { header } from '../raw-headers.ts';

/** How long a page may be looked at before its form is sent. */
const LIFETIME_MS = 15 * 60_000;
const MAX_LENGTH = 24_000;
const COOKIE = '__Host-symbolon-form';
const COOKIE_VALUE = new RegExp(`(?:^|; *)${COOKIE}=([A-Za-z0-9_-]{22})(?:;|$)`);

export type FormKind = 'sign-in' | 'consent' | 'connected-apps';

export interface FormStates {
  /** Seals what a form has to bring back, for one kind of form and whoever it was shown to. */
  seal(kind: FormKind, boundTo: string, data: object): string;
  /**
   * What a form brought back. Each state is good once. Throws `CSRF_REJECTED` when it was not made for this form
   * and browser, was used or is too old.
   */
  open<Data extends object>(kind: FormKind, boundTo: string, sealed: unknown): Promise<Data>;
  /** The browser, before anybody is signed in: by a cookie that is set when it is not there. */
  browser(req: Request): { boundTo: string; headers: Record<string, string> };
}

function rejected(): BridgeError {
  return new BridgeError('CSRF_REJECTED', { message: 'This page was used already, or is too old.' });
}

/**
 * State of forms, against requests that another site makes a browser send: sealed, bound to the session or the
 * browser that the form was shown to, and good once (RFC 9700 section 4.7).
 */
export function createFormStates(deps: { keyring: Keyring; clock: Clock; replay: ReplayStore }): FormStates {
  const { keyring, clock, replay } = deps;
  return {
    seal: (kind, boundTo, data) => {
      const content = { data, nonce: randomToken(16), untilMs: clock.nowMs() + LIFETIME_MS };
      return keyring.seal('page-form', Buffer.from(JSON.stringify(content)), `${kind}|${boundTo}`);
    },
    open: async <Data extends object>(kind: FormKind, boundTo: string, sealed: unknown): Promise<Data> => {
      if (typeof sealed !== 'string' || sealed.length > MAX_LENGTH) throw rejected();
      const bytes = keyring.open('page-form', sealed, `${kind}|${boundTo}`);
      if (!bytes) throw rejected();
      const content = JSON.parse(bytes.toString('utf8')) as { data: Data; nonce: string; untilMs: number };
      if (clock.nowMs() >= content.untilMs) throw rejected();
      const rememberedUntilMs = rememberPastMs(content.untilMs);
      const used = await replay.consume('page-form', replayId([content.nonce]), rememberedUntilMs);
      if (used === 'replayed') throw rejected();
      return content.data;
    },
    browser: (req) => {
      const known = COOKIE_VALUE.exec(header(req, 'cookie') ?? '')?.[1];
      const value = known ?? randomToken(16);
      const cookie = `${COOKIE}=${value}; Path=/; Secure; HttpOnly; SameSite=Lax`;
      const headers: Record<string, string> = known ? {} : { 'set-cookie': cookie };
      return { boundTo: hash('sha256', value, 'base64url'), headers };
    },
  };
}

/** Refuses a form that another site sent. Browsers leave the origin out (`null`) under our referrer policy. */
export function refuseForeignForm(req: Request, publicOrigin: string): void {
  const site = header(req, 'sec-fetch-site');
  const origin = header(req, 'origin');
  const ownSite = site === undefined || site === 'same-origin' || site === 'none';
  const ownOrigin = origin === undefined || origin === 'null' || origin === publicOrigin;
  if (!ownSite || !ownOrigin) throw new BridgeError('ORIGIN_NOT_ALLOWED');
}
