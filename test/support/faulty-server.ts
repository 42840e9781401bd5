import { createServer, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { listen, shut } from './backend.ts';

/** What a server of the company can do to us. */
export const FAULTS = [
  'refusing',
  'slow',
  'drip',
  'huge',
  'gzip_bomb',
  'invalid_json',
  'wrong_type',
  'html_with_200',
  'redirect_inside',
  'wrong_customer',
  'too_many',
  'unauthorized',
  'failing',
  'cut_off',
  'flapping',
] as const;
export type Fault = (typeof FAULTS)[number];

/** 50 MiB of zeros; compressed it is 50 KiB. */
const BOMB = gzipSync(Buffer.alloc(50 * 1_048_576));

function json(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(value));
}

function pour(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  const block = Buffer.alloc(65_536, 0x20);
  let leftBytes = 50 * 1_048_576;
  const more = () => {
    while (leftBytes > 0 && !response.destroyed) {
      leftBytes -= block.length;
      if (!response.write(block)) return void response.once('drain', more);
    }
    response.end();
  };
  more();
}

function drip(response: ServerResponse, text: string): void {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': text.length });
  let at = 0;
  const timer = setInterval(() => response.write(text[at++ % text.length]), 1_000);
  response.write(text[at++]);
  response.on('close', () => clearInterval(timer));
}

type Misbehaviour = (response: ServerResponse, good: Record<string, unknown>, count: number) => void;

const misbehaviours: Record<Fault, Misbehaviour> = {
  refusing: (response) => json(response, 403, { error: 'access_denied' }),
  slow: (response) => {
    const timer = setTimeout(() => json(response, 200, {}), 10_000);
    response.on('close', () => clearTimeout(timer));
  },
  drip: (response, good) => drip(response, JSON.stringify(good)),
  huge: (response) => pour(response),
  gzip_bomb: (response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' });
    response.end(BOMB);
  },
  invalid_json: (response, good) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(good).slice(0, -1));
  },
  wrong_type: (response, good) => {
    response.writeHead(200, { 'content-type': 'text/plain' });
    response.end(JSON.stringify(good));
  },
  html_with_200: (response) => {
    response.writeHead(200, { 'content-type': 'text/html' });
    response.end('<h1>Please sign in to the proxy</h1>');
  },
  redirect_inside: (response) => {
    const { headers, url = '' } = response.req;
    response.writeHead(302, {
      location: `http://${headers.host}${url.replace('redirect_inside', 'strayed')}`,
    });
    response.end();
  },
  wrong_customer: (response, good) => json(response, 200, good),
  too_many: (response) => {
    response.writeHead(429, { 'retry-after': '7', 'content-type': 'application/json' });
    response.end('{}');
  },
  unauthorized: (response) => json(response, 401, { error: 'invalid_token' }),
  failing: (response) => json(response, 503, { error: 'stack trace with internals' }),
  cut_off: (response, good) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': 500 });
    response.write(JSON.stringify(good), () => response.destroy());
  },
  flapping: (response, good, count) => (count % 2 === 1 ? response.destroy() : json(response, 200, good)),
};

export interface FaultyServer {
  readonly url: string;
  /** Faults that are over; their calls are answered well. */
  readonly mended: Set<string>;
  /** Calls so far, by fault and role such as `slow/token`. */
  calls(name: string): number;
  close(): Promise<void>;
}

/** What was asked of a role. */
export interface FaultyCall {
  /** Behind the role, with its slash; empty for the role itself. */
  rest: string;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  body: string;
  /** Where the role is, as the caller wrote it. */
  base: string;
  /** The answer is to be about somebody or something else than was asked for. */
  isWrong: boolean;
}

/** What a role answers when all is well. */
export type GoodAnswer = (call: FaultyCall) => Record<string, unknown> | Promise<Record<string, unknown>>;

export interface RoleAnswers {
  good: GoodAnswer;
  /** Requests of this role that are always answered well. */
  isSpared?(call: FaultyCall): boolean;
}

/** One server with all faults: `/FAULT/ROLE` fails in that way until mended. */
export async function startFaultyServer(roles: Readonly<Record<string, RoleAnswers>>): Promise<FaultyServer> {
  const counts = new Map<string, number>();
  const mended = new Set<string>(['none', 'strayed']);
  const server = createServer((request, response) => {
    const answer = async () => {
      const body = await text(request);
      const [, fault = '', role = '', ...rest] = (request.url ?? '').split('/');
      const name = `${fault}/${role}`;
      const count = (counts.get(name) ?? 0) + 1;
      counts.set(name, count);
      const isWell = mended.has(fault);
      const call: FaultyCall = {
        rest: rest.map((step) => `/${step}`).join(''),
        headers: request.headers,
        body,
        base: `http://${request.headers.host}/${name}`,
        isWrong: fault === 'wrong_customer' && !isWell,
      };
      const { good, isSpared } = roles[role] as RoleAnswers;
      const answered = await good(call);
      if (isWell || isSpared?.(call) === true) json(response, 200, answered);
      else misbehaviours[fault as Fault](response, answered, count);
    };
    answer().catch(() => response.destroy());
  });
  return {
    url: await listen(server),
    mended,
    calls: (name) => counts.get(name) ?? 0,
    close: () => shut(server),
  };
}
