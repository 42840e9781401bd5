import type { Response } from 'express';
import { contextOf } from './request-context.ts';

/** Headers of every answer, decided once at start; set on `app.locals`. */
export const CONSTANT_HEADERS = 'symbolonHeaders';

export type AnswerHeaders = Record<string, string | number | string[]>;

/** Answers with JSON, the constant security headers and `Cache-Control: no-store` unless `headers` says otherwise. */
export function sendJson(res: Response, status: number, value: unknown, headers: AnswerHeaders = {}): void {
  if (res.headersSent || res.destroyed) return;
  const body = Buffer.from(JSON.stringify(value));
  const { requestId, limitHeaders } = contextOf(res);
  res.writeHead(status, {
    'cache-control': 'no-store',
    ...(res.app.locals[CONSTANT_HEADERS] as Record<string, string>),
    'x-request-id': requestId,
    ...limitHeaders,
    'content-type': 'application/json; charset=utf-8',
    'content-length': body.length,
    ...headers,
  });
  res.end(body);
}

/** Answers without a body. */
export function sendEmpty(res: Response, status: number, headers: AnswerHeaders = {}): void {
  if (res.headersSent || res.destroyed) return;
  res.writeHead(status, {
    'cache-control': 'no-store',
    ...(res.app.locals[CONSTANT_HEADERS] as Record<string, string>),
    'x-request-id': contextOf(res).requestId,
    ...headers,
  });
  res.end();
}
