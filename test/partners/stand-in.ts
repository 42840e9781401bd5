/** What the stand-ins share: a real server on loopback, a record of what arrived, limits on a clock that tests move. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock } from '../../src/platform/clock.ts';

/** One request as it arrived. */
export interface Arrived {
  method: string;
  /** Without query. */
  path: string;
  query: URLSearchParams;
  headers: Record<string, string | undefined>;
  /** Raw, as signatures cover it. */
  body: string;
  atMs: number;
}

export interface Answer {
  status: number;
  body?: unknown;
  headers?: Record<string, string>;
}

export interface StandIn extends AsyncDisposable {
  readonly url: string;
  /** Everything that arrived, token requests included. */
  readonly arrived: Arrived[];
  /** Calls that were let in and carried out. */
  readonly carriedOut: Arrived[];
  /** Answers with these, in their order, before anything else is looked at. */
  readonly next: Answer[];
  close(): Promise<void>;
}

async function read(incoming: IncomingMessage, clock: Clock): Promise<Arrived> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const url = new URL(incoming.url ?? '/', 'http://stand-in');
  const headers = Object.fromEntries(
    Object.entries(incoming.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(', ') : value,
    ]),
  );
  return {
    method: incoming.method ?? '',
    path: url.pathname,
    query: url.searchParams,
    headers,
    body: Buffer.concat(chunks).toString('utf8'),
    atMs: clock.nowMs(),
  };
}

function write(response: ServerResponse, { status, body, headers = {} }: Answer): void {
  if (body === undefined) {
    response.writeHead(status, headers);
    response.end();
    return;
  }
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

/** The body of a request as a JSON object, or `undefined`. */
export function jsonOf(request: Arrived): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(request.body);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** The token of `Authorization: Bearer …`. */
export function bearerOf(request: Arrived): string | undefined {
  return /^Bearer (\S+)$/.exec(request.headers['authorization'] ?? '')?.[1];
}

/** Serves `answer` on a free loopback port. What it answers below 400 counts as carried out. */
export async function startStandIn(clock: Clock, answer: (request: Arrived) => Answer): Promise<StandIn> {
  const arrived: Arrived[] = [];
  const carriedOut: Arrived[] = [];
  const next: Answer[] = [];
  const server = createServer((incoming, response) => {
    void read(incoming, clock).then((request) => {
      arrived.push(request);
      const given = next.shift() ?? answer(request);
      if (given.status < 400) carriedOut.push(request);
      write(response, given);
    });
  });
  await new Promise<void>((done) => {
    server.listen(0, '127.0.0.1', done);
  });
  const close = () =>
    new Promise<void>((done) => {
      server.close(() => done());
      server.closeAllConnections();
    });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    arrived,
    carriedOut,
    next,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** At most `quota` calls in any stretch of `windowMs`: how strict a partner could be at the most. */
export function createStrictLimit(clock: Clock, quota: number, windowMs: number) {
  let taken: number[] = [];
  return {
    /** Milliseconds to wait; 0: there is room, and it is taken. */
    take(): number {
      const nowMs = clock.nowMs();
      taken = taken.filter((atMs) => atMs > nowMs - windowMs);
      if (taken.length >= quota) return (taken[0] ?? nowMs) + windowMs - nowMs;
      taken.push(nowMs);
      return 0;
    },
  };
}

/** Access and refresh tokens of a partner's authorization server (RFC 6749), by its clock. */
export function createTokenDesk(clock: Clock, options: { prefix: string; lifetimeSeconds: number }) {
  const access = new Map<string, { endsAtMs: number; scope: string }>();
  const refresh = new Map<string, string>();
  let made = 0;
  return {
    issue(scope: string, withRefresh: boolean): Record<string, unknown> {
      made += 1;
      const token = `${options.prefix}-access-${made}-0123456789abcdef`;
      access.set(token, { endsAtMs: clock.nowMs() + options.lifetimeSeconds * 1_000, scope });
      const answer = {
        access_token: token,
        token_type: 'Bearer',
        expires_in: options.lifetimeSeconds,
        scope,
      };
      if (!withRefresh) return answer;
      const renewal = `${options.prefix}-refresh-${made}-0123456789abcdef`;
      refresh.set(renewal, scope);
      return { ...answer, refresh_token: renewal };
    },
    /** The scope of a live access token. */
    scopeOf(token: string | undefined): string | undefined {
      const held = token === undefined ? undefined : access.get(token);
      return held && held.endsAtMs > clock.nowMs() ? held.scope : undefined;
    },
    /** Uses a refresh token up and gives its scope; `undefined` for one that is dead. */
    redeem(token: string | undefined): string | undefined {
      const scope = token === undefined ? undefined : refresh.get(token);
      if (token !== undefined) refresh.delete(token);
      return scope;
    },
    endAll(): void {
      access.clear();
      refresh.clear();
    },
    issued: () => made,
  };
}
