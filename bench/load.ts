/**
 * Loads one address over kept connections and counts answers; every one must have the expected status. Written on bare
 * sockets, so that it costs its own core less than the fastest contestant costs the other.
 */
import { connect, type Socket } from 'node:net';

export interface LoadRequest {
  url: string;
  method: 'GET' | 'POST';
  headers: Record<string, string>;
  body?: string;
  /** Status that every answer must have. */
  expect: number;
}

/** The same request again and again, or a new one each time until there are no more. */
export type Target = LoadRequest | (() => LoadRequest | undefined);

export interface LoadResult {
  answers: number;
  latenciesMs: number[];
}

const bytesOf = new WeakMap<LoadRequest, Buffer>();

/** The request as it goes over the wire. */
function encode(request: LoadRequest): Buffer {
  const known = bytesOf.get(request);
  if (known) return known;
  const { host, pathname, search } = new URL(request.url);
  const body = request.body ?? '';
  const lines = [`${request.method} ${pathname}${search} HTTP/1.1`, `host: ${host}`];
  for (const name in request.headers) lines.push(`${name}: ${request.headers[name]}`);
  if (request.method === 'POST') lines.push(`content-length: ${Buffer.byteLength(body)}`);
  const bytes = Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`);
  bytesOf.set(request, bytes);
  return bytes;
}

interface Answer {
  status: number;
  text: string;
}

/** A kept connection that sends one request at a time and reads an answer with a content length. */
function openConnection(url: string): Promise<{ ask(request: LoadRequest): Promise<Answer>; end(): void }> {
  const { hostname, port } = new URL(url);
  return new Promise((opened, failed) => {
    const socket: Socket = connect(Number(port), hostname);
    let received = '';
    let wanted = -1;
    let waiting: { resolve(answer: Answer): void; reject(error: Error): void } | undefined;
    const fail = (error: Error) => {
      failed(error);
      waiting?.reject(error);
    };
    socket.setNoDelay(true);
    socket.setEncoding('latin1');
    socket.on('error', fail);
    socket.on('close', () => fail(new Error(`${url} closed the connection`)));
    socket.on('data', (chunk: string) => {
      received = received === '' ? chunk : received + chunk;
      if (wanted < 0) {
        const end = received.indexOf('\r\n\r\n');
        if (end < 0) return;
        const length = /\r\ncontent-length: *(\d+)/i.exec(received.slice(0, end + 2))?.[1];
        if (length === undefined) return fail(new Error(`${url} answered without a content length`));
        wanted = end + 4 + Number(length);
      }
      if (received.length < wanted) return;
      const answer = { status: Number(received.slice(9, 12)), text: received };
      received = '';
      wanted = -1;
      waiting?.resolve(answer);
    });
    socket.once('connect', () =>
      opened({
        ask: (request) =>
          new Promise((resolve, reject) => {
            waiting = { resolve, reject };
            socket.write(encode(request));
          }),
        end: () => {
          waiting = undefined;
          socket.destroy();
        },
      }),
    );
  });
}

const nextOf = (target: Target): LoadRequest | undefined =>
  typeof target === 'function' ? target() : target;

/** A request of the kind, for what all of them have in common. */
export function firstOf(target: Target): LoadRequest {
  const request = nextOf(target);
  if (!request) throw new Error('no requests are left');
  return request;
}

function check({ method, url, expect }: LoadRequest, { status, text }: Answer): void {
  if (status === expect) return;
  throw new Error(`${method} ${url} answered ${status} instead of ${expect}: ${text.slice(0, 900)}`);
}

/** Throws when an answer has another status: a contestant that fails is not fast. */
export async function load(target: Target, connections: number, durationMs: number): Promise<LoadResult> {
  const { url } = firstOf(target);
  const open = await Promise.all(Array.from({ length: connections }, () => openConnection(url)));
  const end = performance.now() + durationMs;
  const latenciesMs: number[] = [];
  try {
    await Promise.all(
      open.map(async (connection) => {
        for (let started = performance.now(); started < end; ) {
          const request = nextOf(target);
          if (!request) return;
          check(request, await connection.ask(request));
          const now = performance.now();
          latenciesMs.push(now - started);
          started = now;
        }
      }),
    );
  } finally {
    for (const connection of open) connection.end();
  }
  return { answers: latenciesMs.length, latenciesMs };
}

/**
 * A steady stream of requests, whatever the answers take: their latencies count from the moment that each was due, so
 * that a pause shows in all that had to wait for it.
 */
export async function steadyLoad(
  target: Target,
  { perSecond, connections, durationMs }: { perSecond: number; connections: number; durationMs: number },
): Promise<number[]> {
  const { url } = firstOf(target);
  const open = await Promise.all(Array.from({ length: connections }, () => openConnection(url)));
  const latenciesMs: number[] = [];
  const began = performance.now();
  const everyMs = 1_000 / perSecond;
  let next = 0;
  try {
    await Promise.all(
      open.map(async (connection) => {
        for (;;) {
          const dueMs = began + next++ * everyMs;
          if (dueMs > began + durationMs) return;
          const earlyMs = dueMs - performance.now();
          if (earlyMs > 0) await new Promise((resolve) => setTimeout(resolve, earlyMs));
          // A timer that is late is the generator's fault, an answer that was late the contestant's.
          const fromMs = earlyMs > 0 ? performance.now() : dueMs;
          const request = nextOf(target);
          if (!request) return;
          check(request, await connection.ask(request));
          latenciesMs.push(performance.now() - fromMs);
        }
      }),
    );
  } finally {
    for (const connection of open) connection.end();
  }
  return latenciesMs;
}

/** One request; the body of its answer. */
export async function once(request: LoadRequest): Promise<string> {
  const connection = await openConnection(request.url);
  try {
    const answer = await connection.ask(request);
    check(request, answer);
    return answer.text.slice(answer.text.indexOf('\r\n\r\n') + 4);
  } finally {
    connection.end();
  }
}
