import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { CommandFailed } from './terminal.ts';

/** Calls to the admin API of one service. */
export interface AdminClient {
  /**
   * Sends one call and returns the parsed answer (`{}` for an empty one). Throws `AdminRefused` for an error
   * envelope and `AdminUnreachable` when nobody answers.
   */
  call(
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    body?: unknown,
  ): Promise<AdminAnswer>;
}

export type AdminAnswer = Record<string, unknown>;

/** The service answered with an error of its catalogue. */
export class AdminRefused extends CommandFailed {
  readonly code: string;
  readonly status: number;

  constructor(status: number, code: string, message: string) {
    super(`${message} (${code})`);
    this.name = 'AdminRefused';
    this.code = code;
    this.status = status;
  }
}

/** Nobody answered at the address of the admin API. */
export class AdminUnreachable extends CommandFailed {
  constructor(url: string, cause: unknown) {
    super(`The service at ${url} does not answer. Check that it runs, and its log.`, { cause });
    this.name = 'AdminUnreachable';
  }
}

interface Received {
  status: number;
  text: string;
}

const TIMEOUT_MS = 120_000;
const MAX_ANSWER_BYTES = 64 * 1_048_576;

function exchange(
  url: URL,
  options: { method: string; headers: Record<string, string>; body: string | undefined },
): Promise<Received> {
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const outgoing = send(
      url,
      { method: options.method, headers: options.headers, agent: false, timeout: TIMEOUT_MS },
      (answer) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        answer.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > MAX_ANSWER_BYTES) outgoing.destroy(new Error('the answer is too large'));
          else chunks.push(chunk);
        });
        answer.on('end', () =>
          resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }),
        );
        answer.on('error', reject);
      },
    );
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer in time')));
    outgoing.on('error', reject);
    outgoing.end(options.body);
  });
}

function parsed(received: Received): AdminAnswer {
  let value: unknown;
  try {
    value = received.text === '' ? {} : JSON.parse(received.text);
  } catch {
    value = undefined;
  }
  const answer = value !== null && typeof value === 'object' ? (value as AdminAnswer) : undefined;
  if (received.status >= 200 && received.status < 300 && answer) return answer;
  const error = answer?.['error'] as { code?: unknown; message?: unknown; details?: unknown } | undefined;
  if (typeof error?.code === 'string' && typeof error.message === 'string') {
    const details = error.details === undefined ? '' : ` ${JSON.stringify(error.details)}`;
    throw new AdminRefused(received.status, error.code, `${error.message}${details}`);
  }
  throw new CommandFailed(
    `The admin API gave an answer that is not its own (status ${received.status}). Check the address.`,
  );
}

/** Speaks to the admin API at `url` (with any base path) as the bearer of `token`. */
export function createAdminClient({ url, token }: { url: string; token: string }): AdminClient {
  return {
    async call(method, path, body) {
      const text = body === undefined ? undefined : JSON.stringify(body);
      const headers: Record<string, string> = {
        authorization: `Bearer ${token}`,
        accept: 'application/json',
      };
      if (text !== undefined) {
        headers['content-type'] = 'application/json';
        headers['content-length'] = String(Buffer.byteLength(text));
      }
      let received: Received;
      try {
        received = await exchange(new URL(url + path), { method, headers, body: text });
      } catch (error) {
        throw new AdminUnreachable(url, error);
      }
      return parsed(received);
    },
  };
}

/** The list of objects that an answer holds under `name`; empty when it holds none. */
export function records(answer: AdminAnswer, name: string): Record<string, unknown>[] {
  const list = answer[name];
  return Array.isArray(list) ? (list as Record<string, unknown>[]) : [];
}

/** The members of a list answer. */
export function items(answer: AdminAnswer): Record<string, unknown>[] {
  return records(answer, 'items');
}
