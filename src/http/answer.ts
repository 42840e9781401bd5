import type { Response } from 'express';
import { type AnswerHeaders, writeJsonHead } from './answer-head.ts';
import { contextOf } from './request-context.ts';
import { endAnswer } from './unread-body.ts';

/** What every answer carries whatever it holds: kept by nobody, the constant security headers, the request's id. */
function commonHeaders(res: Response): AnswerHeaders {
  const { headers, requestId } = contextOf(res);
  return { ...headers.named, 'x-request-id': requestId };
}

/** Answers with bytes of a media type and the common headers; `headers` outweigh them. */
export function sendBytes(
  res: Response,
  status: number,
  { type, body }: { type: string; body: Buffer | string },
  headers: AnswerHeaders = {},
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
export function sendJson(res: Response, status: number, value: unknown, headers?: AnswerHeaders): void {
  if (res.headersSent || res.destroyed) return;
  const body = JSON.stringify(value);
  writeJsonHead(res, contextOf(res), { status, bytes: Buffer.byteLength(body), extra: headers });
  endAnswer(res, body);
}

/** Answers without a body. */
export function sendEmpty(res: Response, status: number, headers: AnswerHeaders = {}): void {
  if (res.headersSent || res.destroyed) return;
  res.writeHead(status, { ...commonHeaders(res), ...headers });
  res.end();
}
