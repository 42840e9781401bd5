import type { Request } from 'express';
import { looksLikeToken } from '../api-keys/key-format.ts';
import { BridgeError } from '../errors.ts';
import { header } from './raw-headers.ts';

/** The credentials of a partner as a request presents them; nothing has been checked yet. */
export interface Presented {
  /** An access token. */
  token: string | undefined;
  /** A key secret, as bearer; `named` when it says by its form that it belongs to a key. */
  secret: { secret: string; named: boolean } | undefined;
  /** A public id from `api-key` or `X-API-Key`. */
  publicId: string | undefined;
}

/** A secret, or a public id where a secret belongs: either way it speaks of a key. */
const KEY_PREFIX = /^[ps]k_/;
const BEARER = /^bearer +(\S+)$/i;

function bearerOf(authorization: string): string | undefined {
  // An access token as nearly everybody writes it; what else stands in it its own check finds.
  if (authorization.startsWith('Bearer eyJ') && !authorization.includes(' ', 7))
    return authorization.slice(7);
  return BEARER.exec(authorization)?.[1];
}

/**
 * Sorts out what was presented. Ambiguous and misplaced credentials are refused, never guessed at: both key headers
 * at once, an `Authorization` that is no bearer. `bearerAlone` looks at nothing else.
 */
export function presentedCredentials(req: Request, { bearerAlone }: { bearerAlone: boolean }): Presented {
  const authorization = header(req, 'authorization');
  const bearer = authorization === undefined ? undefined : bearerOf(authorization);
  if (authorization !== undefined && bearer === undefined) throw new BridgeError('INVALID_ACCESS_TOKEN');
  const apiKey = bearerAlone ? undefined : header(req, 'api-key');
  const xApiKey = bearerAlone ? undefined : header(req, 'x-api-key');
  if (apiKey !== undefined && xApiKey !== undefined) throw new BridgeError('INVALID_API_KEY');
  const isToken = bearer !== undefined && looksLikeToken(bearer);
  return {
    token: isToken ? bearer : undefined,
    secret: bearer === undefined || isToken ? undefined : { secret: bearer, named: KEY_PREFIX.test(bearer) },
    publicId: apiKey ?? xApiKey,
  };
}
