/** Loads one address over kept connections for a while and counts answers; every one must have the expected status. */
import { Agent, type Dispatcher, request } from 'undici';

export interface LoadRequest {
  url: string;
  method: 'GET' | 'POST';
  headers: Record<string, string>;
  body?: string;
  /** Status that every answer must have. */
  expect: number;
}

export interface LoadResult {
  answers: number;
  latenciesMs: number[];
}

/** Throws when an answer has another status: a contestant that fails is not fast. */
export async function load(
  target: LoadRequest,
  connections: number,
  durationMs: number,
): Promise<LoadResult> {
  const dispatcher = new Agent({ connections, pipelining: 1 });
  const end = performance.now() + durationMs;
  const latenciesMs: number[] = [];
  const worker = async () => {
    while (performance.now() < end) {
      const started = performance.now();
      await once(target, dispatcher);
      latenciesMs.push(performance.now() - started);
    }
  };
  try {
    await Promise.all(Array.from({ length: connections }, worker));
  } finally {
    await dispatcher.close();
  }
  return { answers: latenciesMs.length, latenciesMs };
}

/** One request; its parsed answer. */
export async function once(target: LoadRequest, dispatcher?: Dispatcher): Promise<string> {
  const { url, method, headers, body, expect } = target;
  const answer = await request(url, {
    method,
    headers,
    body: body ?? null,
    ...(dispatcher ? { dispatcher } : {}),
  });
  const text = await answer.body.text();
  if (answer.statusCode !== expect) {
    throw new Error(
      `${method} ${url} answered ${answer.statusCode} instead of ${expect}: ${text.slice(0, 200)}`,
    );
  }
  return text;
}
