import { decodeBase64Url, decodeUtf8 } from '../platform/encoding.ts';
import { readJsonObject, type JsonObject } from './json-answer.ts';
import type { OutboundResponse } from './outbound-types.ts';

/** What a token endpoint gave. */
export interface TokenAnswer {
  token: string;
  lifetimeSeconds: number;
  /** The refresh token of the answer, if it holds one. */
  refreshToken: string | undefined;
}

/** RFC 6749 section 5.1 only recommends `expires_in`. */
const UNSTATED_LIFETIME_SECONDS = 300;
const MAX_LIFETIME_SECONDS = 86_400;
/** What a header carries unchanged. */
const TOKEN = /^[\x21-\x7e]{1,8192}$/;

/** The claims of a token that happens to be a JWT. They are not verified: they only say when to ask for the next. */
function claimsOf(token: string): JsonObject | undefined {
  const payload = /^[\w-]+\.([\w-]+)\.[\w-]*$/.exec(token)?.[1];
  const text = payload === undefined ? undefined : decodeUtf8(decodeBase64Url(payload) ?? Buffer.alloc(0));
  try {
    const claims: unknown = JSON.parse(text ?? '');
    return typeof claims === 'object' && claims !== null ? (claims as JsonObject) : undefined;
  } catch {
    return undefined;
  }
}

/** The life that `exp` leaves, and no more than `exp - iat`, which no difference of clocks touches. */
function lifetimeOfJwt(token: string, nowMs: number): number | undefined {
  const { exp, iat } = claimsOf(token) ?? {};
  if (typeof exp !== 'number' || !Number.isFinite(exp)) return undefined;
  const left = exp - nowMs / 1_000;
  return typeof iat === 'number' && iat < exp ? Math.min(left, exp - iat) : left;
}

/** `expires_in` as a number or, as some servers write it, as a string; `undefined` for what makes no sense. */
function lifetimeSeconds(stated: unknown, token: string, nowMs: number): number | undefined {
  const seconds =
    stated === undefined || stated === null
      ? (lifetimeOfJwt(token, nowMs) ?? UNSTATED_LIFETIME_SECONDS)
      : typeof stated === 'string' && /^\d{1,12}$/.test(stated)
        ? Number(stated)
        : stated;
  if (typeof seconds !== 'number' || !Number.isFinite(seconds) || seconds <= 0) return undefined;
  return Math.min(seconds, MAX_LIFETIME_SECONDS);
}

/** The error code of RFC 6749 section 5.2, if the answer holds one of its form. */
export function tokenErrorCode(response: OutboundResponse): string | undefined {
  const code = readJsonObject(response)?.['error'];
  return typeof code === 'string' && /^[a-z_]{1,40}$/.test(code) ? code : undefined;
}

/** Reads a token answer (RFC 6749 section 5.1), or says in a sentence why it is none. */
export function readTokenAnswer(response: OutboundResponse, nowMs: number): TokenAnswer | string {
  if (response.status !== 200) return `the token endpoint answered ${response.status}`;
  const answer = readJsonObject(response);
  if (!answer) return 'the token endpoint answered something that is not a JSON object';
  const {
    access_token: token,
    token_type: type = 'Bearer',
    expires_in: stated,
    refresh_token: next,
  } = answer;
  if (typeof token !== 'string' || !TOKEN.test(token)) {
    return 'the token endpoint gave no usable access_token';
  }
  if (typeof type !== 'string' || !/^bearer(token)?$/i.test(type)) {
    return 'the token is not of the type Bearer';
  }
  const seconds = lifetimeSeconds(stated, token, nowMs);
  if (seconds === undefined) {
    return stated === undefined
      ? 'the token endpoint gave a token that has ended already (compare the clocks)'
      : 'the token endpoint gave a senseless expires_in';
  }
  const refreshToken = typeof next === 'string' && TOKEN.test(next) ? next : undefined;
  return { token, lifetimeSeconds: seconds, refreshToken };
}
