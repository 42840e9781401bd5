import type { Response } from 'express';

/** After this long our side of the connection ends, although the sender has not; milliseconds. */
const HALF_CLOSE_MS = 2_000;

/**
 * Ends an answer that closes its connection. While a body is still arriving, closing would reset the connection, and
 * the sender would lose the answer with it (RFC 9112 section 9.6): so the answer is sent, the rest of the body is read
 * and thrown away, and only then the connection ends. Size and time of a request bound how long that takes.
 */
export function endAnswer(res: Response, body: Buffer): void {
  const { req } = res;
  const { 'content-length': length = '0', 'transfer-encoding': coding } = req.headers;
  if (res.shouldKeepAlive || req.complete || (length === '0' && coding === undefined)) {
    res.end(body);
    return;
  }
  res.write(body);
  const halfClose = setTimeout(() => req.socket.end(), HALF_CLOSE_MS).unref();
  const end = () => {
    clearTimeout(halfClose);
    res.end();
  };
  req.once('end', end);
  req.once('close', end);
  req.resume();
}
