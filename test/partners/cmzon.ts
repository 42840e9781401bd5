import type { Clock } from '../../src/platform/clock.ts';
import {
  type Answer,
  type Arrived,
  bearerOf,
  createStrictLimit,
  createTokenDesk,
  jsonOf,
  type StandIn,
  startStandIn,
} from './stand-in.ts';

export const cmzonCredentials = {
  token: 'cmzon-api-token-8c7b6a5d4e3f2',
  clientId: 'cmzon-client-3',
  clientSecret: 'cmzon-client-secret-1f2e3d4c',
  code: 'cmzon-authorization-code-1',
};

export interface CmzonStandIn extends StandIn {
  tokenIsLive: boolean;
  readonly tokens: ReturnType<typeof createTokenDesk>;
}

const DAY_MS = 86_400_000;
/** What its pages show in the answer to a caller beyond the limit. */
const RETRY_AFTER_SECONDS = 60;

function failure(status: number, code: string, message: string): Answer {
  return {
    status,
    body: {
      error: {
        code,
        message,
        details: {},
        ...(status === 429 ? { retry_after: RETRY_AFTER_SECONDS } : {}),
      },
    },
  };
}

/**
 * CMzon: WhatsApp messages with a bearer token or OAuth 2.0 (token requests in JSON, scope whatsapp_business); 80
 * messages a second and 10,000 a day, of new accounts 1,000; every error as `{error:{code,message,details}}`.
 */
export async function startCmzon(clock: Clock, options: { daily?: number } = {}): Promise<CmzonStandIn> {
  const tokens = createTokenDesk(clock, { prefix: 'cmzon', lifetimeSeconds: 3_600 });
  const second = createStrictLimit(clock, 80, 1_000);
  const day = createStrictLimit(clock, options.daily ?? 10_000, DAY_MS);

  const answerToken = (request: Arrived): Answer => {
    if (request.headers['content-type'] !== 'application/json') {
      return failure(415, 'UNSUPPORTED_MEDIA_TYPE', 'Token requests are JSON.');
    }
    const body = jsonOf(request) ?? {};
    const { client_id: id, client_secret: secret } = body;
    if (id !== cmzonCredentials.clientId || secret !== cmzonCredentials.clientSecret) {
      return { status: 401, body: { error: 'invalid_client' } };
    }
    if (body['grant_type'] === 'authorization_code' && body['code'] === cmzonCredentials.code) {
      return { status: 200, body: tokens.issue('whatsapp_business', true) };
    }
    const scope =
      body['grant_type'] === 'refresh_token' ? tokens.redeem(String(body['refresh_token'])) : undefined;
    return scope === undefined
      ? { status: 400, body: { error: 'invalid_grant' } }
      : { status: 200, body: tokens.issue(scope, true) };
  };

  const standIn = await startStandIn(clock, (request) => {
    if (request.path === '/oauth/token') return answerToken(request);
    const bearer = bearerOf(request);
    const byToken = bearer === cmzonCredentials.token && server.tokenIsLive;
    if (!byToken && tokens.scopeOf(bearer) !== 'whatsapp_business') {
      return failure(401, 'UNAUTHORIZED', 'The token is missing, expired or revoked.');
    }
    if (request.method !== 'POST' || request.path !== '/v1/messages') {
      return failure(404, 'NOT_FOUND', 'There is no such call.');
    }
    const { to, type } = jsonOf(request) ?? {};
    if (typeof to !== 'string' || typeof type !== 'string') {
      return failure(400, 'INVALID_REQUEST', 'to and type are needed.');
    }
    if (second.take() > 0 || day.take() > 0) return failure(429, 'RATE_LIMIT_EXCEEDED', 'Too many messages.');
    return { status: 200, body: { id: `wamid.${server.carriedOut.length + 1}`, status: 'queued', to } };
  });
  const server: CmzonStandIn = Object.assign(standIn, { tokenIsLive: true, tokens });
  return server;
}
