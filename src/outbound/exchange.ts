import type { OutboundFailure, OutboundResponse } from './outbound-types.ts';

/** What the pool tells about one call; the controller-style handler of undici has this shape. */
export interface ExchangeHandler {
  onRequestStart(controller: ExchangeController): void;
  onResponseStart(
    controller: ExchangeController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void;
  onResponseData(controller: ExchangeController, chunk: Buffer): void;
  onResponseEnd(): void;
  onResponseError(controller: ExchangeController | null, error: Error): void;
}

interface ExchangeController {
  abort(reason: Error): void;
}

interface Exchange {
  handler: ExchangeHandler;
  /** Ends the call with a failure and cuts its connection; without effect once it has ended. */
  abandon: (failure: OutboundFailure) => void;
}

/** The code of the error with which the connector refuses a resolved address. */
export const REFUSED_ADDRESS = 'ERR_SYMBOLON_REFUSED_ADDRESS';
/** The code of the error with which the connector refuses a name that was public and now leads into a network of ours. */
export const MOVED_INSIDE = 'ERR_SYMBOLON_MOVED_INSIDE';

const abandoned = new Error('call abandoned');
const EMPTY = Buffer.alloc(0);
const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY/;
const NOT_HTTP =
  /^(UND_ERR_RES_CONTENT_LENGTH_MISMATCH|UND_ERR_HEADERS_OVERFLOW|UND_ERR_INVALID_ARG)$|EPROTO|_SSL_/;

/** Names what went wrong by the error's code; its message may hold what must not be seen. */
function failureOf(error: Error, answerBegun: boolean): OutboundFailure {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (code === REFUSED_ADDRESS || code === MOVED_INSIDE) return 'refused_address';
  if (error.name === 'HTTPParserError' || NOT_HTTP.test(code)) return 'protocol';
  if (CERTIFICATE.test(code)) return 'untrusted';
  return answerBegun ? 'protocol' : 'unreachable';
}

const CAUSES: Record<string, string> = {
  ECONNREFUSED: 'connection refused',
  ENOTFOUND: 'its name does not resolve',
  EAI_AGAIN: 'its name does not resolve at the moment',
  ECONNRESET: 'connection cut',
  EPIPE: 'connection cut',
  UND_ERR_SOCKET: 'connection cut',
  ETIMEDOUT: 'no connection within connect_timeout_ms',
  UND_ERR_CONNECT_TIMEOUT: 'no connection within connect_timeout_ms',
  EHOSTUNREACH: 'no route to it',
  ENETUNREACH: 'no route to it',
  [MOVED_INSIDE]: 'its name was public and now resolves to a private address; restart if it has moved',
};

/** The cause in words of our own, where the error's code tells it. */
function causeOf(error: Error): string | undefined {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return /EPROTO|_SSL_/.test(code) ? 'the TLS handshake failed' : CAUSES[code];
}

/** Headers with repeated ones joined. */
function joinRepeated(incoming: Record<string, string | string[] | undefined>): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const name in incoming) {
    const value = incoming[name];
    if (value !== undefined) headers[name] = typeof value === 'string' ? value : value.join(', ');
  }
  return headers;
}

/**
 * One call and its answer, collected into one buffer. The cap holds while reading, whatever the answer says of its
 * own length; a compressed answer is refused. `done` is called exactly once, with the cause of a failure where known.
 */
export function createExchange(
  maxBytes: number,
  done: (result: OutboundResponse | OutboundFailure, cause?: string) => void,
): Exchange {
  let controller: ExchangeController | undefined;
  let ended = false;
  let status = 0;
  let headers: Record<string, string> = {};
  let body: Buffer = EMPTY;
  let chunks: Buffer[] | undefined;
  let sizeBytes = 0;

  const end = (result: OutboundResponse | OutboundFailure, cause?: string) => {
    if (ended) return;
    ended = true;
    done(result, cause);
  };
  const abandon = (failure: OutboundFailure) => {
    end(failure);
    controller?.abort(abandoned);
  };

  const handler: ExchangeHandler = {
    onRequestStart(started) {
      controller = started;
      if (ended) started.abort(abandoned);
    },
    onResponseStart(_controller, answered, incoming) {
      if (answered < 200) return;
      status = answered;
      headers = joinRepeated(incoming);
      const encoding = headers['content-encoding'];
      if (encoding !== undefined && encoding.toLowerCase() !== 'identity') abandon('protocol');
      else if (Number(headers['content-length']) > maxBytes) abandon('too_large');
    },
    onResponseData(_controller, chunk) {
      sizeBytes += chunk.length;
      if (sizeBytes > maxBytes) abandon('too_large');
      else if (body === EMPTY) body = chunk;
      else if (chunks === undefined) chunks = [body, chunk];
      else chunks.push(chunk);
    },
    onResponseEnd() {
      end({ status, headers, body: chunks === undefined ? body : Buffer.concat(chunks, sizeBytes) });
    },
    onResponseError(_controller, error) {
      end(failureOf(error, status !== 0), causeOf(error));
    },
  };
  return { handler, abandon };
}
