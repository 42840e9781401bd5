import type { Response } from 'express';

/** Aborted when the caller's connection is lost before the answer has been written: nobody waits for it any more. */
export function callerGone(res: Response): AbortSignal {
  const gone = new AbortController();
  res.once('close', () => {
    if (!res.writableFinished) gone.abort();
  });
  return gone.signal;
}
