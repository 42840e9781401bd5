import type { AuthenticationContext } from './authenticator.ts';

/** Ends what is under way when the service closes, or when nobody waits for the answer of a sign-in any more. */
export interface Cancellation {
  /** Aborted by either of the two. */
  signalFor(context: Pick<AuthenticationContext, 'signal'>): AbortSignal;
  close(): void;
}

export function createCancellation(): Cancellation {
  const closing = new AbortController();
  return {
    signalFor: ({ signal }) =>
      signal === undefined ? closing.signal : AbortSignal.any([closing.signal, signal]),
    close: () => closing.abort(),
  };
}

/**
 * What `work` gives, or what `ended` gives as soon as the signal is aborted: for work that others share, which goes on
 * to its own deadline.
 */
export async function unlessAborted<T, E>(
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
  ended: () => E,
): Promise<T | E> {
  if (!signal) return work();
  if (signal.aborted) return ended();
  let stop: (() => void) | undefined;
  const aborted = new Promise<void>((resolve) => {
    stop = resolve;
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([work(), aborted.then(ended)]);
  } finally {
    if (stop) signal.removeEventListener('abort', stop);
  }
}
