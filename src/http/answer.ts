import type { Response } from 'express';
import { contextOf } from './request-context.ts';
import { endAnswer } from './unread-body.ts';

/** Headers of every answer, decided once at start; set on `app.locals`. */
export const CONSTANT_HEADERS = 'symbolonHeaders';

export type AnswerHeaders = Record<string, string | number | string[]>;

/** What every answer carries whatever it holds: kept by nobody, the constant security headers, the request's id. */
export function commonHeaders(res: Response): AnswerHeaders {
  return {
    'cache-control': 'no-store',
    ...(res.app.locals[CONSTANT_HEADERS] as Record<string, string>),
    'x-request-id': contextOf(res).requestId,
  };
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
export function sendJson(res: Response, status: number, value: unknown, headers: AnswerHeaders = {}): void {
  const body = JSON.stringify(value);
  const { limitHeaders } = contextOf(res);
  sendBytes(res, status, { type: 'application/json; charset=utf-8', body }, { ...limitHeaders, ...headers });
}

/** Answers without a body. */
export function sendEmpty(res: Response, status: number, headers: AnswerHeaders = {}): void {
  if (res.headersSent || res.destroyed) return;
  res.writeHead(status, { ...commonHeaders(res), ...headers });
  res.end();
}
