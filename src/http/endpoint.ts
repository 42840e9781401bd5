/**
 * Http: the edge. Express lives in this room and nowhere else. An endpoint is one file: its contract (what the
 * published description is written from) and its handler, which calls one use case.
 */
import type { Request, Response } from 'express';
import type { z } from 'zod';
import type { BridgeError, ErrorCode, OAuthError, OAuthErrorCode } from '../errors.ts';

export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';
export type ListenerName = 'public' | 'admin' | 'ops';

export interface ResponseContract {
  description: string;
  schema?: z.ZodType;
  /** Default `application/json`. */
  contentType?: string;
  /** Headers that only this endpoint sends, with what they hold. */
  headers?: Readonly<Record<string, string>>;
}

export interface EndpointContract {
  listener: ListenerName;
  method: Method;
  /** OpenAPI path template, such as `/admin/partners/{id}`. */
  path: string;
  operationId: string;
  tag: string;
  summary: string;
  description?: string;
  /** Names of security schemes, each inner list one alternative. */
  security?: string[][];
  /** Path, query and header parameters: zod objects. */
  pathParameters?: z.ZodObject;
  query?: z.ZodObject;
  headers?: z.ZodObject;
  /** Body schema and the media types it may come in. */
  body?: { schema: z.ZodType; types: readonly ('form' | 'json')[]; required: boolean };
  responses: Record<number, ResponseContract>;
  /** Codes of the envelope that this endpoint can answer, beside those that every endpoint can. */
  errors?: readonly ErrorCode[];
  /** Answers errors with HTML pages instead: with these statuses. */
  errorPages?: readonly number[];
  /** Answers errors as RFC 6749 section 5.2 does instead of in the envelope: with these codes. */
  oauthErrors?: readonly OAuthErrorCode[];
}

export interface Endpoint {
  contract: EndpointContract;
  handle(req: Request, res: Response): Promise<void> | void;
  /** Answers an error of this endpoint in its own way. Default: the envelope, or OAuth's. */
  showError?(res: Response, error: BridgeError | OAuthError): void;
  /** Needs the session cookie's middleware. */
  usesSession?: boolean;
  /** May be called by scripts: of the origins that channels list, or of registered apps that run in browsers. */
  crossOrigin?: boolean | 'apps';
  /** A GET that changes something when it is followed: HEAD, which must be safe, is refused. */
  refusesHead?: boolean;
  /**
   * Callers authenticate here with credentials of their own: a refused one counts against their address, and beyond the
   * limit the right ones learn nothing. Default, on the public listener: refusals are counted, too, but beyond the limit
   * only those that fail are turned away, since many customers share an address.
   */
  countsFailures?: boolean;
}
