import { SymbolonError, type SymbolonErrorCode } from './symbolon-error.ts';

/** The part of a `fetch` answer that is used here. */
export interface FetchResponse {
  status: number;
  text(): Promise<string>;
}

/** What is handed to `fetch`. */
export interface FetchOptions {
  method: string;
  credentials: 'include';
  cache: 'no-store';
  redirect: 'error';
  headers: Record<string, string>;
  body: string | undefined;
  /** The call goes on although the page is left. */
  keepalive: boolean;
  signal: undefined;
}

/** `fetch` by its shape, so that the core needs no browser types and runs wherever one can be passed in. */
export type FetchLike = (url: string, options: FetchOptions) => Promise<FetchResponse>;

/** A JSON object that the bridge answered; members are unknown until checked. */
export type Answer = Record<string, unknown>;

/** Makes one call to the bridge, with `bearer` as the caller's own credential; throws `SymbolonError` for everything but a success. */
export type BridgeCall = (
  method: string,
  path: string,
  body?: Record<string, unknown>,
  bearer?: string,
) => Promise<Answer>;

/** Puts another credential than the cookie into the calls of a session; `Failure` is what its calls throw. */
export type SessionCarrier = (call: BridgeCall, Failure: typeof SymbolonError) => BridgeCall;

/** Reads members of anything: what is no object has none. */
const membersOf = (value: unknown) => Object(value) as Answer;

function failure(status: number, answer: unknown): SymbolonError {
  const { code, message, request_id, retry_after } = membersOf(membersOf(answer).error);
  let kind: SymbolonErrorCode = 'refused';
  if (status >= 500) kind = 'unavailable';
  if (status === 429) kind = 'rate_limited';
  if (status === 401) kind = code === 'INVALID_CREDENTIALS' ? 'invalid_credentials' : 'signed_out';
  return new SymbolonError(kind, (message ?? `Status ${status}`) as string, {
    status,
    serverCode: code as string | undefined,
    requestId: request_id as string | undefined,
    retryAfterMs: Number(retry_after) * 1000 || undefined,
  });
}

/** Something answered that is not the bridge. */
export const unusable = (what: string) =>
  new SymbolonError('bad_response', `No usable ${what} in the answer.`);

/** `AbortSignal.timeout` where the platform has it; elsewhere a call ends when its connection does. */
export const deadline = (ms: number) =>
  (globalThis as unknown as { AbortSignal?: { timeout?(ms: number): undefined } }).AbortSignal?.timeout?.(ms);

/**
 * Calls below `baseUrl` with the session cookie, the header that no foreign form can send, and a deadline of
 * `timeoutMs` from the call to the last byte. Redirects are refused: the bridge never makes one here.
 */
export function createBridgeCall(baseUrl: string, fetch: FetchLike, timeoutMs: number): BridgeCall {
  return async (method, path, body, bearer) => {
    let status: number;
    let text: string;
    try {
      const options: FetchOptions = {
        method,
        credentials: 'include',
        cache: 'no-store',
        redirect: 'error',
        headers: {
          'X-Symbolon-CSRF': '1',
          ...(body && { 'Content-Type': 'application/json' }),
          ...(bearer && { Authorization: `Bearer ${bearer}` }),
        },
        body: body && JSON.stringify(body),
        keepalive: method === 'DELETE',
        signal: deadline(timeoutMs),
      };
      const response = await fetch(baseUrl + path, options);
      status = response.status;
      text = await response.text();
    } catch (cause) {
      throw new SymbolonError('unavailable', 'No answer: is this origin in allowed_origins?', {
        cause,
      });
    }
    let answer: unknown;
    try {
      answer = JSON.parse(text || '{}');
    } catch {}
    if (status < 200 || status > 299) throw failure(status, answer);
    if (membersOf(answer) !== answer) throw unusable('JSON');
    return answer as Answer;
  };
}
