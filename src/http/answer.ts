import type { Response } from 'express';
import { contextOf } from './request-context.ts';
import { endAnswer } from './unread-body.ts';

export type AnswerHeaders = Record<string, string | number | string[]>;

const NONE: AnswerHeaders = {};

/** What every answer carries whatever it holds: kept by nobody, the constant security headers, the request's id. */
function commonHeaders(res: Response): AnswerHeaders {
  const { headers, requestId } = contextOf(res);
  return { 'cache-control': 'no-store', ...headers.named, 'x-request-id': requestId };
}

/** Answers with bytes of a media type and the common headers; `headers` outweigh them. */
export function sendBytes(
  res: Response,
  status: number,
  { type, body }: { type: string; body: Buffer | string },
  headers: AnswerHeaders = NONE,
): void {
  if (res.headersSent || res.destroyed) return;
  res.writeHead(status, {
    ...commonHeaders(res),
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    ...headers,
  });
  endAnswer(res, body);
}

/** Answers with JSON, where the limits stand and the common headers; `headers` outweigh them. */
export function sendJson(res: Response, status: number, value: unknown, headers: AnswerHeaders = NONE): void {
  if (headers !== NONE) {
    const type = 'application/json; charset=utf-8';
    const { limitHeaders } = contextOf(res);
    sendBytes(res, status, { type, body: JSON.stringify(value) }, { ...limitHeaders, ...headers });
    return;
  }
  if (res.headersSent || res.destroyed) return;
  const body = JSON.stringify(value);
  const { headers: constant, requestId, limitHeaders } = contextOf(res);
  // Nothing outweighs anything here, so the headers are one flat list from the start.
  const head: (string | number)[] = constant.flat.slice();
  head.push('x-request-id', requestId, 'content-length', Buffer.byteLength(body));
  for (const name in limitHeaders) head.push(name, limitHeaders[name] as string);
  res.writeHead(status, head);
  endAnswer(res, body);
}

/** Answers without a body. */
export function sendEmpty(res: Response, status: number, headers: AnswerHeaders = NONE): void {
  if (res.headersSent || res.destroyed) return;
  res.writeHead(status, { ...commonHeaders(res), ...headers });
  res.end();
}
