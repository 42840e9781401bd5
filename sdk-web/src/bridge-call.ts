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
  body?: string;
  signal?: never;
}

/** `fetch` by its shape, so that the core needs no browser types and runs wherever one can be passed in. */
export type FetchLike = (url: string, options: FetchOptions) => Promise<FetchResponse>;

/** A JSON object that the bridge answered; members are unknown until checked. */
export type Answer = Record<string, unknown>;

/** Makes one call to the bridge; throws `SymbolonError` for everything but a success. */
export type BridgeCall = (method: string, path: string, body?: Record<string, string>) => Promise<Answer>;

const isObject = (value: unknown): value is Answer => typeof value === 'object' && value !== null;
const textOrNone = (value: unknown) => (typeof value === 'string' ? value : undefined);

function codeOf(status: number, serverCode: string | undefined): SymbolonErrorCode {
  if (status === 401) return serverCode === 'INVALID_CREDENTIALS' ? 'invalid_credentials' : 'signed_out';
  if (status === 429) return 'rate_limited';
  return status >= 500 ? 'unavailable' : 'refused';
}

function failure(status: number, answer: unknown): SymbolonError {
  const error = isObject(answer) && isObject(answer.error) ? answer.error : {};
  const serverCode = textOrNone(error.code);
  const retryAfter = error.retry_after;
  return new SymbolonError(
    codeOf(status, serverCode),
    textOrNone(error.message) ?? `The bridge answered with status ${status}.`,
    {
      status,
      serverCode,
      requestId: textOrNone(error.request_id),
      retryAfterMs: typeof retryAfter === 'number' && retryAfter > 0 ? retryAfter * 1000 : undefined,
    },
  );
}

declare const AbortSignal: { timeout?(ms: number): never };

/** `AbortSignal.timeout` where the platform has it; elsewhere a call ends when its connection does. */
function deadline(timeoutMs: number): Pick<FetchOptions, 'signal'> {
  const signal = typeof AbortSignal === 'undefined' ? undefined : AbortSignal.timeout?.(timeoutMs);
  return signal ? { signal } : {};
}

/**
 * Calls below `baseUrl` with the session cookie, the header that no foreign form can send, and a deadline of
 * `timeoutMs` from the call to the last byte. Redirects are refused: the bridge never makes one here.
 */
export function createBridgeCall(baseUrl: string, fetch: FetchLike, timeoutMs: number): BridgeCall {
  const base = baseUrl.replace(/\/+$/, '');
  return async (method, path, body) => {
    let status: number;
    let text: string;
    try {
      const response = await fetch(base + path, {
        method,
        credentials: 'include',
        cache: 'no-store',
        redirect: 'error',
        headers: {
          'X-Symbolon-CSRF': '1',
          ...(body ? { 'Content-Type': 'application/json' } : {}),
        },
        ...(body ? { body: JSON.stringify(body) } : {}),
        ...deadline(timeoutMs),
      });
      status = response.status;
      text = await response.text();
    } catch (cause) {
      throw new SymbolonError(
        'unavailable',
        'The bridge cannot be reached, or allowed_origins of the channel does not list the origin of this page.',
        { cause },
      );
    }
    let answer: unknown;
    try {
      answer = text === '' ? {} : JSON.parse(text);
    } catch {
      answer = undefined;
    }
    if (status < 200 || status > 299) throw failure(status, answer);
    if (!isObject(answer)) throw new SymbolonError('bad_response', 'The answer is not JSON.', { status });
    return answer;
  };
}
