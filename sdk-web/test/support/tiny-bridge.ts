import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface TinyBridge {
  url: string;
  /** `METHOD path` of every request, in order. */
  calls: string[];
  /** Headers of the last request. */
  lastHeaders(): IncomingMessage['headers'];
  lastBody(): string;
  /** Who the one session of this bridge belongs to; `undefined`: nobody. */
  customer: string | undefined;
  /** Who is signed in at the company's own site; `undefined`: nobody. */
  atSite: string | undefined;
  /** What the channel's record gives for the widget call. */
  web: (token: string, input: unknown) => Record<string, unknown>;
  /** Values of `x-user-key` that are refused. */
  refusedKeys: Set<string>;
  /** Answers every request from here on with this status and body; `undefined`: normally. */
  broken: { status: number; body: string } | undefined;
  /** Holds answers back until the returned function is called. */
  hold(): () => void;
  close(): Promise<void>;
}

const signedOut = {
  success: false,
  error: { code: 'NOT_SIGNED_IN', message: 'Nobody is signed in with this session.', request_id: 'r-1' },
};

/** A real HTTP server with the session endpoints of the wire contract and one session. */
export async function startTinyBridge(options: { expiresInSeconds?: number } = {}): Promise<TinyBridge> {
  let issued = 0;
  let gate: Promise<void> = Promise.resolve();
  let headers: IncomingMessage['headers'] = {};
  let body = '';
  const life = options.expiresInSeconds ?? 900;

  function answer(request: IncomingMessage, response: ServerResponse): void {
    const send = (status: number, value: unknown) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(typeof value === 'string' ? value : JSON.stringify(value));
    };
    if (bridge.broken) return send(bridge.broken.status, bridge.broken.body);
    if (bridge.refusedKeys.has(String(request.headers['x-user-key']))) return send(401, {});
    const path = (request.url ?? '').split('?')[0];
    if (request.method === 'POST' && path === '/customer_authenticate') {
      const { username, password } = JSON.parse(body) as { username?: string; password?: string };
      if (username === undefined) {
        if (!bridge.atSite) return send(401, signedOut);
        bridge.customer = bridge.atSite;
        return send(200, { issued_at: '1', expires_in: `${life}`, customer_id: bridge.customer });
      }
      if (password !== 'right') {
        return send(401, { success: false, error: { code: 'INVALID_CREDENTIALS', message: 'Wrong.' } });
      }
      bridge.customer = `c1${username}`;
      return send(200, { issued_at: '1', expires_in: `${life}`, customer_id: bridge.customer });
    }
    if (!bridge.customer) return send(401, signedOut);
    if (request.method === 'DELETE') {
      bridge.customer = undefined;
      response.writeHead(204);
      return void response.end();
    }
    const channel = /^\/channels\/([^/]+)\/token$/.exec(path ?? '')?.[1];
    if (channel) {
      issued++;
      const customer_id = bridge.customer;
      const { input } = JSON.parse(body) as { input?: unknown };
      const token = `proof-${issued}`;
      const web = bridge.web(token, input);
      return send(200, { channel, kind: 'jwt', token, expires_in: `${life}`, customer_id, web });
    }
    if (path === '/customer_session/token') {
      issued++;
      const customer_id = bridge.customer;
      return send(200, { issued_at: '1', JWT: `token-${issued}`, expires_in: `${life}`, customer_id });
    }
    return send(200, { customer_id: bridge.customer });
  }

  const server = createServer((request, response) => {
    bridge.calls.push(`${request.method} ${request.url}`);
    headers = request.headers;
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      body = Buffer.concat(chunks).toString();
      void gate.then(() => answer(request, response));
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));

  const bridge: TinyBridge = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls: [],
    lastHeaders: () => headers,
    lastBody: () => body,
    customer: 'c1alice',
    atSite: undefined,
    web: () => ({}),
    refusedKeys: new Set(),
    broken: undefined,
    hold() {
      let open: () => void = () => {};
      gate = new Promise((done) => {
        open = done;
      });
      return open;
    },
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
  return bridge;
}
