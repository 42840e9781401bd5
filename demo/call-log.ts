/**
 * What the parts of the demo say to each other, for people to watch. Each call is announced when it begins and again
 * when it ends; secrets are shortened here, before anything is kept or sent.
 */
import { shownBody, shownHeaders } from './shorten.ts';

export type Part = 'browser' | 'bridge' | 'vendor' | 'backend';

type Headers = Record<string, string | string[] | undefined>;

export interface CallStart {
  from: Part;
  to: Part;
  method: string;
  path: string;
  headers: Headers;
  body?: unknown;
  /** One sentence for somebody who sees this kind of call for the first time. */
  explanation: string;
}

export interface CallEnd {
  /** 0: no answer came. */
  status: number;
  headers: Headers;
  body?: unknown;
}

/** A call as the page is told about it; `response` is missing while it is under way. */
export interface LoggedCall {
  id: string;
  startedAtMs: number;
  from: Part;
  to: Part;
  method: string;
  path: string;
  explanation: string;
  request: { headers: Record<string, string>; body: unknown };
  response?: { status: number; durationMs: number; headers: Record<string, string>; body: unknown };
}

export interface CallLog {
  /** Notes that a call begins; the returned function notes its end. */
  begin(call: CallStart): (end: CallEnd) => void;
  /** Tells `listener` of every call from now on. Returns the way to stop that. */
  subscribe(listener: (call: LoggedCall) => void): () => void;
}

export function createCallLog(): CallLog {
  const listeners = new Set<(call: LoggedCall) => void>();
  let count = 0;
  const tell = (call: LoggedCall) => {
    for (const listener of listeners) listener(call);
  };
  return {
    begin({ from, to, method, path, explanation, headers, body }) {
      const startedAtMs = Date.now();
      const call: LoggedCall = {
        id: `server-${++count}`,
        startedAtMs,
        from,
        to,
        method,
        path,
        explanation,
        request: { headers: shownHeaders(headers), body: shownBody(body) },
      };
      tell(call);
      return (end) => {
        const durationMs = Date.now() - startedAtMs;
        tell({
          ...call,
          response: {
            status: end.status,
            durationMs,
            headers: shownHeaders(end.headers),
            body: shownBody(end.body),
          },
        });
      };
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
