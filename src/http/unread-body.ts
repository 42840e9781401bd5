import type { Response } from 'express';

/** After this long our side of the connection ends, although the sender has not; milliseconds. */
const HALF_CLOSE_MS = 2_000;
/** A sender of more than this is cut off. */
const MAX_DISCARDED_BYTES = 32 * 1_048_576;

/**
 * Ends an answer that closes its connection. While a body is still arriving, closing would reset the connection, and
 * the sender would lose the answer with it (RFC 9112 section 9.6): so the answer is sent, the rest of the body is read
 * and thrown away, and only then the connection ends. A limit here and the time a request may take bound how long that is.
 */
export function endAnswer(res: Response, body: Buffer | string): void {
  const { req } = res;
  if (res.shouldKeepAlive || req.complete) {
    res.end(body);
    return;
  }
  const { 'content-length': length = '0', 'transfer-encoding': coding = '' } = req.headers;
  // Of an unknown coding nobody can say where the body ends.
  const isFramed = coding === '' ? length !== '0' : coding.toLowerCase() === 'chunked';
  if (!isFramed) {
    res.end(body);
    return;
  }
  res.write(body);
  // Sent now: a body that breaks off in the next bytes would take the connection, and the answer with it.
  req.socket.uncork();
  const halfClose = setTimeout(() => req.socket.end(), HALF_CLOSE_MS).unref();
  const end = () => {
    clearTimeout(halfClose);
    res.end();
  };
  req.once('end', end);
  req.once('close', end);
  let bytes = 0;
  req.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MAX_DISCARDED_BYTES) req.destroy();
  });
}
