/**
 * What went wrong, as a page has to react to it:
 * - `signed_out`: nobody is signed in (any more); show the signed-out state.
 * - `invalid_credentials`: the user name or password given to `signIn` is wrong.
 * - `cookie_blocked`: the bridge signed the customer in, but the browser does not send its cookie: the bridge is on
 *   another site and third-party cookies are blocked. Asking again does not help.
 * - `refused`: the bridge does not allow this call (origin, channel, locked account); repeating it does not help.
 * - `rate_limited`: too many calls; `retryAfterMs` says when the next one makes sense.
 * - `unavailable`: the bridge cannot be reached, is too slow or failed; `retryAfterMs` says when to try again.
 * - `bad_response`: something answered that is not the bridge.
 */
export type SymbolonErrorCode =
  | 'signed_out'
  | 'invalid_credentials'
  | 'cookie_blocked'
  | 'refused'
  | 'rate_limited'
  | 'unavailable'
  | 'bad_response';

/** Optional particulars of a `SymbolonError`. */
export interface SymbolonErrorDetails {
  /** HTTP status, when there was an answer. */
  status?: number | undefined;
  /** The bridge's own code from its catalogue, such as `INVALID_CREDENTIALS`. */
  serverCode?: string | undefined;
  /** Quote it when asking the company about this failure. */
  requestId?: string | undefined;
  /** Milliseconds until another try makes sense. */
  retryAfterMs?: number | undefined;
  cause?: unknown;
}

/** Every rejection of this SDK. The message is for developers; it never holds a token or a password. */
export class SymbolonError extends Error {
  override name = 'SymbolonError';
  declare readonly code: SymbolonErrorCode;
  declare readonly status: number | undefined;
  declare readonly serverCode: string | undefined;
  declare readonly requestId: string | undefined;
  declare readonly retryAfterMs: number | undefined;

  constructor(code: SymbolonErrorCode, message: string, details?: SymbolonErrorDetails) {
    super(message);
    Object.assign(this, details, { code });
  }
}
