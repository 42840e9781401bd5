import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../src/platform/clock.ts';
import {
  type Answer,
  type Arrived,
  createStrictLimit,
  jsonOf,
  type StandIn,
  startStandIn,
} from './stand-in.ts';

export const coextCredentials = {
  key: 'pk_live_a1b2c3d4e5f6g7h8i9j0a1b2c3d4e5f6',
  secret: 'sk_live_9z8y7x6w5v4u3t2s1r0q9z8y7x6w5v4u',
};

export interface CoextStandIn extends StandIn {
  /** What the dashboard says of the key. */
  key: 'live' | 'expired' | 'unknown';
  /** Whether the key asks for signed calls. */
  signedOnly: boolean;
}

const QUOTA = { development: 10, staging: 30, production: 60 };
const WINDOW_SECONDS = 300;

function failure(status: number, code: string, message: string): Answer {
  return {
    status,
    body: { success: false, error: { code, message, details: {} }, meta: { request_id: 'req_abc123' } },
    ...(status === 429 ? { headers: { 'retry-after': '30' } } : {}),
  };
}

/**
 * Whether a call is signed as the pages say: hex HMAC-SHA256 of `timestamp.body`, keyed with the lower-case hex
 * SHA-256 of the secret. Computed here from that sentence alone.
 */
function isSigned(request: Arrived): boolean {
  const { 'x-timestamp': timestamp = '', 'x-api-signature': shown = '' } = request.headers;
  const key = createHash('sha256').update(coextCredentials.secret).digest('hex');
  const right = createHmac('sha256', key).update(`${timestamp}.${request.body}`).digest();
  const given = Buffer.from(shown, 'hex');
  return given.length === right.length && timingSafeEqual(given, right);
}

/**
 * Coext: `X-API-Key` with or without a signature that is stale after five minutes, its error envelope and codes, and
 * 10, 30 or 60 calls a minute by environment.
 */
export async function startCoext(
  clock: Clock,
  options: { environment?: keyof typeof QUOTA } = {},
): Promise<CoextStandIn> {
  const minute = createStrictLimit(clock, QUOTA[options.environment ?? 'production'], 60_000);

  const refusal = (request: Arrived): Answer | undefined => {
    const { headers } = request;
    if (headers['x-api-key'] !== coextCredentials.key || server.key === 'unknown') {
      return failure(401, 'INVALID_API_KEY', 'The provided API key is invalid.');
    }
    if (server.key === 'expired') return failure(401, 'EXPIRED_API_KEY', 'The API key has expired.');
    if (headers['x-api-signature'] === undefined && !server.signedOnly) return undefined;
    if (!isSigned(request)) return failure(401, 'INVALID_SIGNATURE', 'The signature does not match.');
    const ageSeconds = Math.abs(clock.nowMs() / 1_000 - Number(headers['x-timestamp']));
    if (!(ageSeconds <= WINDOW_SECONDS))
      return failure(401, 'TIMESTAMP_EXPIRED', 'The timestamp is too old.');
    return undefined;
  };

  const standIn = await startStandIn(clock, (request) => {
    const refused = refusal(request);
    if (refused) return refused;
    if (minute.take() > 0) return failure(429, 'RATE_LIMIT_EXCEEDED', 'Too many requests.');
    if (request.method !== 'POST' || request.path !== '/api/v1/external/messages/text') {
      return failure(404, 'NOT_FOUND', 'There is no such call.');
    }
    const { to } = jsonOf(request) ?? {};
    if (typeof to !== 'string') return failure(422, 'VALIDATION_ERROR', 'to is needed.');
    return {
      status: 200,
      body: { success: true, data: { message_id: `msg_${server.carriedOut.length + 1}` } },
    };
  });
  const server: CoextStandIn = Object.assign(standIn, { key: 'live' as const, signedOnly: false });
  return server;
}
