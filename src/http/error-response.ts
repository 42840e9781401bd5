import type { Response } from 'express';
import {
  BridgeError,
  type ErrorCode,
  type ErrorKind,
  errorCatalogue,
  OAuthError,
  type OAuthErrorCode,
  oauthErrorCatalogue,
} from '../errors.ts';
import { sendJson } from './answer.ts';
import type { AnswerHeaders } from './answer-head.ts';
import { contextOf } from './request-context.ts';

/** The one place where a kind of failure becomes an HTTP status. */
const STATUS: Record<ErrorKind, number> = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  request_timeout: 408,
  conflict: 409,
  too_large: 413,
  unsupported_type: 415,
  rate_limited: 429,
  headers_too_large: 431,
  internal: 500,
  bad_upstream: 502,
  unavailable: 503,
  upstream_timeout: 504,
};

export function statusOf(code: ErrorCode | OAuthErrorCode): number {
  const entry =
    code in errorCatalogue ? errorCatalogue[code as ErrorCode] : oauthErrorCatalogue[code as OAuthErrorCode];
  return STATUS[entry.kind];
}

/**
 * Challenges of RFC 9110 section 11.6.1. What proves a customer uses a scheme of its own, so that no browser opens its
 * own dialog and no client renews an access token that was good. `invalid_token` speaks of a bearer that was shown
 * (RFC 6750 section 3.1): whoever sent none hears no error code.
 */
function challenge(error: BridgeError, authorization: string | undefined): string {
  switch (error.code) {
    case 'INVALID_CUSTOMER_TOKEN':
    case 'CUSTOMER_TOKEN_EXPIRED':
    case 'INVALID_CREDENTIALS':
    case 'NOT_SIGNED_IN':
    case 'INVALID_REFRESH_TOKEN':
      return 'Symbolon realm="customer"';
    default:
      return error.missing || authorization === undefined
        ? 'Bearer realm="symbolon"'
        : 'Bearer realm="symbolon", error="invalid_token"';
  }
}

/** The envelope of every error that is not an OAuth one. */
export function errorEnvelope(error: BridgeError, requestId: string) {
  return {
    success: false,
    error: {
      code: error.code,
      message: error.message,
      ...(error.details ? { details: error.details } : {}),
      ...(error.retryAfterSeconds === undefined ? {} : { retry_after: error.retryAfterSeconds }),
      request_id: requestId,
    },
  };
}

/** Answers an error in the envelope of every endpoint but the OAuth ones. */
export function sendBridgeError(res: Response, error: BridgeError, headers: AnswerHeaders = {}): void {
  const context = contextOf(res);
  context.code = error.code;
  const extra: AnswerHeaders = { ...headers };
  if (error.kind === 'unauthenticated')
    extra['www-authenticate'] = challenge(error, res.req.headers.authorization);
  if (error.code === 'INSUFFICIENT_SCOPE') {
    const scope = error.details?.scope;
    extra['www-authenticate'] =
      `Bearer realm="symbolon", error="insufficient_scope"${typeof scope === 'string' ? `, scope="${scope}"` : ''}`;
  }
  if (error.retryAfterSeconds !== undefined) extra['retry-after'] = error.retryAfterSeconds;
  sendJson(res, STATUS[error.kind], errorEnvelope(error, context.requestId), extra);
}

const OAUTH_FOR_KIND: Partial<Record<ErrorKind, OAuthErrorCode>> = {
  internal: 'server_error',
  unavailable: 'temporarily_unavailable',
  rate_limited: 'temporarily_unavailable',
};

/** Answers an error as RFC 6749 section 5.2 says; errors of the edge keep their status. */
export function sendOAuthError(
  res: Response,
  error: BridgeError | OAuthError,
  headers: AnswerHeaders = {},
): void {
  const code = error instanceof OAuthError ? error.code : (OAUTH_FOR_KIND[error.kind] ?? 'invalid_request');
  contextOf(res).code = code;
  const extra: AnswerHeaders = { pragma: 'no-cache', ...headers };
  if (error.kind === 'unauthenticated') extra['www-authenticate'] = 'Basic realm="symbolon", charset="UTF-8"';
  if (error.retryAfterSeconds !== undefined) extra['retry-after'] = error.retryAfterSeconds;
  sendJson(res, STATUS[error.kind], { error: code, error_description: error.message }, extra);
}

/** Anything that is not from the catalogue is our own defect: one bare 500. */
export function asKnownError(error: unknown): BridgeError | OAuthError | undefined {
  return error instanceof BridgeError || error instanceof OAuthError ? error : undefined;
}
