import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import { listen, shut } from './backend.ts';

export interface TokenRequest {
  path: string;
  headers: IncomingHttpHeaders;
  /** Of a form or of JSON alike. */
  members: Record<string, string>;
}

/** A token endpoint and an API behind it, both on loopback; what the endpoint answers is the test's to say. */
export interface TokenServer {
  readonly url: string;
  readonly requests: TokenRequest[];
  /** Headers of the calls of the API. */
  readonly calls: IncomingHttpHeaders[];
  /** The answer to a token request; a status other than 200 goes with `[status, body]`. */
  answer(request: TokenRequest): unknown;
  /** Status of the API for a token; default 200. */
  judge(authorization: string): number;
  close(): Promise<void>;
}

function membersOf(type: string | undefined, body: string): Record<string, string> {
  if (type === 'application/json') return JSON.parse(body) as Record<string, string>;
  return Object.fromEntries(new URLSearchParams(body));
}

function send(response: ServerResponse, answer: unknown): void {
  const [status, body] = Array.isArray(answer) ? (answer as [number, unknown]) : [200, answer];
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

export async function startTokenServer(): Promise<TokenServer> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { headers, url = '' } = request;
      if (!url.startsWith('/token')) {
        tokens.calls.push(headers);
        return send(response, [tokens.judge(headers.authorization ?? ''), {}]);
      }
      const body = Buffer.concat(chunks).toString();
      const seen = { path: url, headers, members: membersOf(headers['content-type'], body) };
      tokens.requests.push(seen);
      void Promise.resolve(tokens.answer(seen)).then((answer) => send(response, answer));
    });
  });
  const tokens: TokenServer = {
    url: await listen(server),
    requests: [],
    calls: [],
    answer: () => ({
      access_token: `token-${tokens.requests.length}`,
      token_type: 'Bearer',
      expires_in: 600,
    }),
    judge: () => 200,
    close: () => shut(server),
  };
  return tokens;
}
