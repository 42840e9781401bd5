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

export const asappCredentials = {
  id: 'asapp-api-id-4f1b2c',
  secret: 'asapp-api-secret-9a8b7c6d5e',
  clientId: 'asapp-client-3',
  clientSecret: 'asapp-client-secret-2f3e4d5c',
};

export interface AsappStandIn extends StandIn {
  /** Calls a day; then 429 for the rest of the day. */
  dailyLimit: number;
  readonly tokens: ReturnType<typeof createTokenDesk>;
}

const DAY_MS = 86_400_000;
const SPIKE_QUOTA = 100;

function failure(status: number, message: string, number = '01'): Answer {
  return {
    status,
    body: { error: { requestId: '8e033668-9f1a', code: `${status}-${number}`, message } },
  };
}

/** The token endpoint: the client by Basic, in a form (RFC 6749 sections 2.3.1 and 4.4.2). */
function answerToken(request: Arrived, tokens: ReturnType<typeof createTokenDesk>): Answer {
  const { clientId, clientSecret } = asappCredentials;
  const basic = `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`;
  if (request.headers['authorization'] !== basic) return { status: 401, body: { error: 'invalid_client' } };
  return new URLSearchParams(request.body).get('grant_type') === 'client_credentials'
    ? { status: 200, body: tokens.issue('', false) }
    : { status: 400, body: { error: 'unsupported_grant_type' } };
}

/**
 * ASAPP's API as its pages describe it: two headers for the credentials, or a token by client credentials where an
 * account has a token endpoint; a spike arrest of 100 calls a second, a daily limit, 409 for a message that it has
 * already, and the call that authenticates a conversation.
 */
export async function startAsapp(clock: Clock): Promise<AsappStandIn> {
  const messages = new Set<string>();
  const tokens = createTokenDesk(clock, { prefix: 'asapp', lifetimeSeconds: 1_200 });
  const spike = createStrictLimit(clock, SPIKE_QUOTA, 1_000);
  let day = 0;
  let today = 0;
  let conversations = 0;

  const authenticate = (body: Record<string, unknown>): Answer => {
    const { customerExternalId: customer, auth } = body;
    if (typeof customer !== 'string' || customer === '')
      return failure(400, 'customerExternalId is required');
    const members = typeof auth === 'object' && auth !== null ? Object.keys(auth) : [];
    if (!members.some((name) => ['token', 'body', 'cookies', 'headers'].includes(name))) {
      return failure(422, 'auth needs at least one member');
    }
    return { status: 204 };
  };
  const addMessage = (conversation: string, body: Record<string, unknown>): Answer => {
    const { text, sender, timestamp } = body;
    if (typeof text !== 'string' || text === '' || typeof sender !== 'object' || sender === null) {
      return failure(400, 'text and sender are required');
    }
    const key = JSON.stringify([conversation, text, sender, timestamp]);
    if (messages.has(key)) return failure(409, 'The message exists already');
    messages.add(key);
    return { status: 200, body: { id: `01BX5ZZKBKACTAV9WEVG${messages.size}` } };
  };
  const addConversation = (body: Record<string, unknown>): Answer => {
    const customer = body['customer'] as { externalId?: unknown } | undefined;
    if (typeof body['externalId'] !== 'string' || typeof customer?.externalId !== 'string') {
      return failure(400, 'externalId and customer are required');
    }
    conversations += 1;
    return { status: 200, body: { id: `01BX5ZZKBKACTAV9WEVGEMMV${conversations}` } };
  };
  const route = (request: Arrived): Answer => {
    const { path, method } = request;
    if (method === 'GET' && path === '/conversation/v1/conversations') {
      return { status: 200, body: { conversations: [] } };
    }
    const body = jsonOf(request);
    if (method !== 'POST' || !body) return failure(404, 'Not found');
    if (path === '/conversation/v1/conversations') return addConversation(body);
    const [, conversation, action] =
      /^\/conversation\/v1\/conversations\/([A-Z0-9]+)\/(messages|authenticate)$/.exec(path) ?? [];
    if (conversation === undefined) return failure(404, 'Not found');
    return action === 'messages' ? addMessage(conversation, body) : authenticate(body);
  };

  const standIn = await startStandIn(clock, (request) => {
    const { headers, path } = request;
    if (path === '/oauth/token') return answerToken(request, tokens);
    const byHeaders =
      headers['asapp-api-id'] === asappCredentials.id &&
      headers['asapp-api-secret'] === asappCredentials.secret;
    if (!byHeaders && tokens.scopeOf(bearerOf(request)) === undefined) return failure(401, 'Unauthorized');
    const now = Math.floor(clock.nowMs() / DAY_MS);
    if (now !== day) {
      day = now;
      today = 0;
    }
    if (today >= server.dailyLimit) return failure(429, 'Daily limit reached', '02');
    if (spike.take() > 0) return failure(429, 'Spike arrest');
    today += 1;
    return route(request);
  });
  const server: AsappStandIn = Object.assign(standIn, {
    dailyLimit: Number.POSITIVE_INFINITY,
    tokens,
  });
  return server;
}
