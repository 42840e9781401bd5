import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Express } from 'express';
import { BridgeError, type ErrorCode } from '../errors.ts';
import { randomToken } from '../platform/random.ts';
import { errorEnvelope, statusOf } from './error-response.ts';

/**
 * Not by `import`: an import of this module reads each of its exports, among them those of a WebSocket client, whose
 * three megabytes nobody here uses.
 */
const http = process.getBuiltinModule('node:http');

export interface ListenerLimits {
  /** For all headers of a request. Default 15,000. */
  headersTimeoutMs: number;
  /** For a whole request. Default 30,000. */
  requestTimeoutMs: number;
  /** How long an idle connection is kept. Default 61,000: longer than the usual 60 s of a proxy in front. */
  keepAliveTimeoutMs: number;
  /** Default 16,384. */
  maxHeaderBytes: number;
  /** Connections at a time. Default 10,000. */
  maxConnections: number;
  /** A connection on which nothing moves while it is owed something. Default 60,000: no answer takes that long. */
  stalledTimeoutMs: number;
  /**
   * Requests that a connection may send ahead of their answers (RFC 9112 section 9.3.2). Default 32; their answers wait
   * in memory, so a connection that sends more is closed.
   */
  maxRequestsAhead: number;
}

export const LISTENER_LIMITS: ListenerLimits = {
  headersTimeoutMs: 15_000,
  requestTimeoutMs: 30_000,
  keepAliveTimeoutMs: 61_000,
  maxHeaderBytes: 16_384,
  maxConnections: 10_000,
  stalledTimeoutMs: 60_000,
  maxRequestsAhead: 32,
};

export interface TlsMaterial {
  certificate: string;
  privateKey: string;
}

/**
 * The classes of requests and responses of a server for an Express application. Express gives every request and
 * response the prototypes of its application; these have those very prototypes from birth, so that there is nothing to
 * swap: a swap costs more than the rest of the routing, and makes every later look-up slower.
 */
function bornClasses(app: Express) {
  class BornRequest extends http.IncomingMessage {}
  class BornResponse extends http.ServerResponse {}
  Object.setPrototypeOf(BornRequest.prototype, app.request as object);
  Object.setPrototypeOf(BornResponse.prototype, app.response as object);
  Object.assign(app, { request: BornRequest.prototype, response: BornResponse.prototype });
  return { IncomingMessage: BornRequest, ServerResponse: BornResponse as typeof http.ServerResponse };
}

/** Ends a connection without reading the rest of what has come: thousands of requests can stand in one piece of it. */
function hangUp(socket: Socket & { parser?: { pause?(): void } | null }): void {
  socket.parser?.pause?.();
  socket.destroy();
}

/** Responses of a connection whose turn has not come, in the order of their requests. */
type Waiting = WeakMap<Socket, Set<ServerResponse>>;

/** The application behind a bound on requests sent ahead: only those cost anything here. */
function bounded(app: Express, waiting: Waiting, maxRequestsAhead: number) {
  return (req: IncomingMessage, res: ServerResponse): void => {
    // A response has its socket from the start unless an earlier answer on that connection is still due.
    if (res.socket === null) {
      const { socket } = req;
      const ahead = waiting.get(socket) ?? new Set();
      if (ahead.size >= maxRequestsAhead) return hangUp(socket);
      waiting.set(socket, ahead.add(res));
      res.once('close', () => ahead.delete(res));
    }
    (app as unknown as RequestListener)(req, res);
  };
}

/** Told of what was refused before there was a request: nobody else leaves a trace of it. */
export type ReportRefusal = (refusal: {
  requestId: string;
  code: ErrorCode;
  status: number;
  /** The caller's, of the connection itself. */
  address: string;
}) => void;

/** A server for an Express application, with real limits on time and size. */
export function createListener(
  app: Express,
  headers: Record<string, string>,
  options: Partial<ListenerLimits> & { tls?: TlsMaterial | undefined; report?: ReportRefusal } = {},
): Server {
  const waiting: Waiting = new WeakMap();
  const refusing = { headers, report: options.report, waiting };
  const limits = { ...LISTENER_LIMITS, ...options };
  const settings = {
    ...bornClasses(app),
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    maxHeaderSize: limits.maxHeaderBytes,
    connectionsCheckingInterval: 500,
    // A missing Host is refused by the application, in the envelope; the server itself would answer without one.
    requireHostHeader: false,
    joinDuplicateHeaders: false,
  };
  const serve = bounded(app, waiting, limits.maxRequestsAhead);
  const server = options.tls
    ? process.getBuiltinModule('node:https').createServer(
        {
          ...settings,
          cert: options.tls.certificate,
          key: options.tls.privateKey,
          minVersion: 'TLSv1.2',
          handshakeTimeout: limits.headersTimeoutMs,
        },
        serve as never,
      )
    : http.createServer(settings, serve as never);
  server.maxConnections = limits.maxConnections;
  server.timeout = limits.stalledTimeoutMs;
  // An expectation that we do not know is passed over (RFC 9110 section 10.1.1), not answered without the envelope.
  server.on('checkExpectation', (req, res) => server.emit('request', req, res));
  // A tunnel is nothing that we open; without a listener the connection would end without a word.
  server.on('connect', (_req, socket: Socket) =>
    refuseConnection(new Error(), socket, refusing, 'METHOD_NOT_ALLOWED'),
  );
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) =>
    refuseConnection(error, socket, refusing),
  );
  return server;
}

function codeOf(error: NodeJS.ErrnoException): ErrorCode {
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      return 'HEADERS_TOO_LARGE';
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return 'REQUEST_TIMEOUT';
    default:
      return 'INVALID_REQUEST';
  }
}

interface Refusing {
  headers: Record<string, string>;
  report: ReportRefusal | undefined;
  waiting: Waiting;
}

/** Ends the connection with this answer, which may wait for its turn. */
function closeAfter(last: ServerResponse, socket: Socket): void {
  if (!last.headersSent) last.shouldKeepAlive = false;
  else if (last.writableFinished) socket.destroySoon();
  else last.once('finish', () => socket.destroySoon());
}

/** Answers what is not even a request in the same envelope, then closes the connection. */
function refuseConnection(
  error: NodeJS.ErrnoException,
  socket: Socket,
  { headers, report, waiting }: Refusing,
  code = codeOf(error),
): void {
  const answering = (socket as Socket & { _httpMessage?: ServerResponse })._httpMessage;
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  if (answering?.req.complete) {
    // Whole requests that came before are still owed their answers: those come in its place, and with the last the end.
    const owed = [answering, ...(waiting.get(socket) ?? [])].filter(({ req }) => req.complete);
    closeAfter(owed.at(-1) ?? answering, socket);
    return;
  }
  if (answering?.headersSent) {
    socket.destroy();
    return;
  }
  const requestId = randomToken(12);
  const body = JSON.stringify(errorEnvelope(new BridgeError(code), requestId));
  const head = {
    ...headers,
    'cache-control': 'no-store',
    'x-request-id': requestId,
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    connection: 'close',
    ...(code === 'METHOD_NOT_ALLOWED' && { allow: '' }),
  };
  report?.({ requestId, code, status: statusOf(code), address: socket.remoteAddress ?? 'unknown' });
  const lines = Object.entries(head).map(([name, value]) => `${name}: ${value}`);
  socket.end(`HTTP/1.1 ${statusOf(code)} \r\n${lines.join('\r\n')}\r\n\r\n${body}`);
}
