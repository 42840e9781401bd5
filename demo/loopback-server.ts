/**
 * A small HTTP server that only this machine can reach. It answers only when it is addressed by its own loopback
 * name: a foreign web page that makes its host name point here (DNS rebinding) gets nothing.
 */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';

const MAX_BODY_BYTES = 65_536;

/** A request with its body read. */
export interface LoopbackRequest {
  method: string;
  /** Path without query. */
  path: string;
  query: URLSearchParams;
  headers: IncomingHttpHeaders;
  body: string;
}

export interface LoopbackAnswer {
  status: number;
  headers?: Record<string, string>;
  /** Objects are sent as JSON. */
  body?: Buffer | object | undefined;
}

/** Answers a request, or takes over the response (for streams) and returns nothing. */
export type LoopbackHandler = (
  request: LoopbackRequest,
  response: ServerResponse,
) => Promise<LoopbackAnswer | undefined> | LoopbackAnswer | undefined;

export interface LoopbackServer {
  origin: string;
  close(): Promise<void>;
}

async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function send(response: ServerResponse, answer: LoopbackAnswer): void {
  const { body } = answer;
  const json = body !== undefined && !Buffer.isBuffer(body);
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(json ? JSON.stringify(body) : '');
  response.writeHead(answer.status, {
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    ...(json ? { 'content-type': 'application/json; charset=utf-8' } : {}),
    'content-length': bytes.byteLength,
    ...answer.headers,
  });
  response.end(bytes);
}

/** Serves `handle` on 127.0.0.1 and `port`. Rejects when the port is taken. */
export async function listenOnLoopback(port: number, handle: LoopbackHandler): Promise<LoopbackServer> {
  const host = `127.0.0.1:${port}`;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', `http://${host}`);
    if (request.headers.host === `localhost:${port}` && request.method === 'GET') {
      return send(response, { status: 308, headers: { location: `http://${host}${url.pathname}` } });
    }
    if (request.headers.host !== host) return send(response, { status: 421 });
    const body = await readBody(request);
    if (body === undefined) return send(response, { status: 413, headers: { connection: 'close' } });
    const { method = 'GET', headers } = request;
    const reply = await handle(
      { method, path: url.pathname, query: url.searchParams, headers, body },
      response,
    );
    if (reply) send(response, reply);
  }

  const server = createServer({ requestTimeout: 10_000 }, (request, response) => {
    answer(request, response).catch(() => {
      if (response.headersSent) response.destroy();
      else send(response, { status: 500, body: { error: 'internal_error' } });
    });
  });
  await new Promise<void>((done, fail) => {
    server.once('error', fail);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', fail);
      done();
    });
  });
  return {
    origin: `http://${host}`,
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}
