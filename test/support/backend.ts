import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';

/** What the profile API does with a call that carries all its credentials. */
export type BackendMode =
  | 'ok'
  | 'slow_headers'
  | 'drip'
  | 'huge'
  | 'huge_stated'
  | 'gzip'
  | 'invalid_json'
  | 'invalid_utf8'
  | 'array'
  | 'html'
  | 'redirect'
  | 'wrong_customer'
  | 'no_customer'
  | 'unauthorized_once'
  | 'unauthorized'
  | 'too_many'
  | 'failing'
  | 'cut_off'
  | 'cut_off_chunked'
  | 'hang_up'
  | 'lying_long'
  | 'lying_short'
  | 'not_http'
  | 'early_hints'
  | 'deep';

export type TokenMode = 'ok' | 'slow' | 'failing' | 'refusing' | 'malformed' | 'mac';

export interface RecordedRequest {
  method: string;
  path: string;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

/** Credentials that the profile API demands. */
export const backendCredentials = {
  clientId: 'bridge:client +1',
  clientSecret: 's3cret/with+odd=chars %',
  scope: 'profile',
  apiKeyHeader: 'x-backend-key',
  apiKey: 'backend-key-8d1f6c2a90',
};

/** A profile API on loopback that refuses every call without its token, its API key or an identifier. */
export interface TestBackend {
  readonly url: string;
  readonly tokenUrl: string;
  mode: BackendMode;
  tokenMode: TokenMode;
  /** What the token endpoint states as `expires_in`; left out when undefined. */
  expiresIn: number | string | undefined;
  /** Identifiers that no customer has. */
  readonly unknown: Set<string>;
  /** Calls of the profile API, refused ones included. */
  readonly requests: RecordedRequest[];
  readonly tokenRequests: RecordedRequest[];
  /** Where `redirect` points; `redirectsFollowed` counts who came. */
  redirectsFollowed(): number;
  /** Tokens given out so far are refused from now on. */
  revokeTokens(): void;
  /** Lets the token endpoint's waiting answers (`slow`) go out. */
  releaseTokens(): void;
  close(): Promise<void>;
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

async function record(request: IncomingMessage): Promise<RecordedRequest> {
  return {
    method: request.method ?? '',
    path: request.url ?? '',
    headers: request.headers,
    body: await bodyOf(request),
  };
}

/** Listens on a free loopback port and gives its origin. */
export async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Closes a server at once, connections included. */
export async function shut(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}

function json(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' });
  response.end(JSON.stringify(value));
}

function profileOf(identifier: string): Record<string, unknown> {
  return {
    customer: { id: identifier },
    account: { plan: 'gold', balance: { amount: 12.5, currency: 'EUR' }, since: null },
    lines: [{ number: '+15550100' }, { number: '+15550101' }],
    internal_note: 'never shown',
  };
}

function formDecode(text: string): string {
  return new URLSearchParams(`v=${text}`).get('v') ?? '';
}

function clientOf(request: RecordedRequest): [string, string] {
  const basic = /^Basic (.+)$/.exec(String(request.headers.authorization ?? ''))?.[1];
  if (basic === undefined) {
    const form = new URLSearchParams(request.body);
    return [form.get('client_id') ?? '', form.get('client_secret') ?? ''];
  }
  const pair = Buffer.from(basic, 'base64').toString('utf8');
  const colon = pair.indexOf(':');
  return [formDecode(pair.slice(0, colon)), formDecode(pair.slice(colon + 1))];
}

function identifierOf(request: RecordedRequest): string {
  const header = request.headers['x-customer'];
  if (typeof header === 'string') return header;
  const segment = /^\/v1\/customers\/([^/?]+)/.exec(request.path)?.[1];
  if (segment !== undefined) return decodeURIComponent(segment);
  try {
    return (JSON.parse(request.body) as { customer?: string }).customer ?? '';
  } catch {
    return '';
  }
}

/** Writes a stream of bytes until the peer goes away. */
function pour(response: ServerResponse, totalBytes: number): void {
  const block = Buffer.alloc(65_536, 0x20);
  let sentBytes = 0;
  const more = () => {
    while (sentBytes < totalBytes && !response.destroyed) {
      sentBytes += block.length;
      if (!response.write(block)) {
        response.once('drain', more);
        return;
      }
    }
    response.end();
  };
  more();
}

function drip(response: ServerResponse, text: string): void {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  let at = 0;
  const timer = setInterval(() => response.write(text[at++ % text.length]), 1_000);
  response.write(text[at++]);
  response.on('close', () => clearInterval(timer));
}

const MISBEHAVIOUR: Partial<Record<BackendMode, (response: ServerResponse, profile: string) => void>> = {
  slow_headers: () => {},
  drip,
  huge: (response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    pour(response, 50 * 1024 * 1024);
  },
  huge_stated: (response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': 50 * 1024 * 1024 });
    pour(response, 50 * 1024 * 1024);
  },
  gzip: (response, profile) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' });
    response.end(gzipSync(profile));
  },
  invalid_json: (response, profile) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(profile.slice(0, -1));
  },
  invalid_utf8: (response, profile) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(Buffer.from(profile.replace('gold', 'g\u00f6ld'), 'latin1'));
  },
  array: (response, profile) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(`[${profile}]`);
  },
  html: (response) => {
    response.writeHead(200, { 'content-type': 'text/html' });
    response.end('<h1>Please sign in</h1>');
  },
  too_many: (response) => {
    response.writeHead(429, { 'retry-after': '7' });
    response.end();
  },
  failing: (response) => json(response, 500, { error: 'stack trace with internals' }),
  cut_off: (response, profile) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': profile.length });
    response.write(profile.slice(0, 20), () => response.destroy());
  },
  cut_off_chunked: (response, profile) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.write(profile.slice(0, 20), () => response.destroy());
  },
  hang_up: (response) => response.destroy(),
  lying_long: (response, profile) => {
    response.strictContentLength = false;
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': profile.length + 100 });
    response.write(profile);
    response.socket?.end();
  },
  lying_short: (response, profile) => {
    response.socket?.end(
      `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 30\r\n\r\n${profile}`,
    );
  },
  not_http: (response) => response.socket?.end('220 mail.example ESMTP ready\r\n'),
  early_hints: (response, profile) => {
    response.writeEarlyHints({ link: '</style.css>; rel=preload; as=style' });
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(profile);
  },
  deep: (response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(`{"account":{"plan":${'['.repeat(20_000)}${']'.repeat(20_000)}}}`);
  },
};

/** Starts the profile API; every switch can be thrown while it runs. */
export async function startTestBackend(): Promise<TestBackend> {
  const valid = new Set<string>();
  let issued = 0;
  let strays = 0;
  let waiting: (() => void)[] = [];

  const elsewhere = createServer((_request, response) => {
    strays += 1;
    json(response, 200, profileOf('stray'));
  });
  const elsewhereUrl = await listen(elsewhere);

  const answerToken = (request: RecordedRequest, response: ServerResponse) => {
    const [id, secret] = clientOf(request);
    const form = new URLSearchParams(request.body);
    const known = id === backendCredentials.clientId && secret === backendCredentials.clientSecret;
    if (backend.tokenMode === 'failing') return json(response, 500, { error: 'server_error' });
    if (!known || backend.tokenMode === 'refusing') return json(response, 401, { error: 'invalid_client' });
    if (form.get('grant_type') !== 'client_credentials')
      return json(response, 400, { error: 'invalid_request' });
    if (backend.tokenMode === 'malformed') return json(response, 200, { token: 'no such member' });
    issued += 1;
    const token = `backend-token-${issued}-0123456789`;
    valid.add(token);
    const type = backend.tokenMode === 'mac' ? 'mac' : 'bearer';
    return json(response, 200, { access_token: token, token_type: type, expires_in: backend.expiresIn });
  };

  const answerProfile = (request: RecordedRequest, response: ServerResponse) => {
    const token = /^Bearer (.+)$/.exec(String(request.headers.authorization ?? ''))?.[1] ?? '';
    if (!valid.has(token) || backend.mode === 'unauthorized') return json(response, 401, { error: 'token' });
    if (request.headers[backendCredentials.apiKeyHeader] !== backendCredentials.apiKey) {
      return json(response, 403, { error: 'api key' });
    }
    const identifier = identifierOf(request);
    if (identifier === '') return json(response, 400, { error: 'identifier' });
    if (backend.mode === 'unauthorized_once') {
      backend.mode = 'ok';
      return json(response, 401, { error: 'token' });
    }
    if (backend.unknown.has(identifier)) return json(response, 404, { error: 'customer' });
    if (backend.mode === 'redirect') {
      response.writeHead(302, { location: `${elsewhereUrl}/profile` });
      return response.end();
    }
    const profile = profileOf(backend.mode === 'wrong_customer' ? `${identifier}x` : identifier);
    if (backend.mode === 'no_customer') delete profile.customer;
    const misbehave = MISBEHAVIOUR[backend.mode];
    return misbehave ? misbehave(response, JSON.stringify(profile)) : json(response, 200, profile);
  };

  const serve = async (incoming: IncomingMessage, response: ServerResponse) => {
    const request = await record(incoming);
    if (request.path !== '/oauth/token') {
      backend.requests.push(request);
      answerProfile(request, response);
      return;
    }
    backend.tokenRequests.push(request);
    if (backend.tokenMode === 'slow') waiting.push(() => answerToken(request, response));
    else answerToken(request, response);
  };
  const server = createServer((incoming, response) => {
    void serve(incoming, response);
  });
  const url = await listen(server);

  const backend: TestBackend = {
    url,
    tokenUrl: `${url}/oauth/token`,
    mode: 'ok',
    tokenMode: 'ok',
    expiresIn: 600,
    unknown: new Set(),
    requests: [],
    tokenRequests: [],
    redirectsFollowed: () => strays,
    revokeTokens: () => valid.clear(),
    releaseTokens() {
      for (const answer of waiting) answer();
      waiting = [];
    },
    close: async () => {
      await Promise.all([shut(server), shut(elsewhere)]);
    },
  };
  return backend;
}

/** `connections.<name>` for this backend, as the configuration writes it. */
export function connectionSettings(backend: TestBackend, overrides: Record<string, unknown> = {}) {
  return {
    base_url: backend.url,
    auth: [
      {
        type: 'client_credentials',
        token_url: backend.tokenUrl,
        client_id: backendCredentials.clientId,
        client_secret: backendCredentials.clientSecret,
        scope: backendCredentials.scope,
      },
      { type: 'api_key', header: backendCredentials.apiKeyHeader, value: backendCredentials.apiKey },
    ],
    ...overrides,
  };
}
