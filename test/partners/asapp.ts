import type { Clock } from '../../src/platform/clock.ts';
import {
  type Answer,
  type Arrived,
  createStrictLimit,
  jsonOf,
  type StandIn,
  startStandIn,
} from './stand-in.ts';

export const asappCredentials = { id: 'asapp-api-id-4f1b2c', secret: 'asapp-api-secret-9a8b7c6d5e' };

export interface AsappStandIn extends StandIn {
  /** Calls a day; then 429 for the rest of the day. */
  dailyLimit: number;
}

const DAY_MS = 86_400_000;
const SPIKE_QUOTA = 100;

function failure(status: number, message: string, number = '01'): Answer {
  return {
    status,
    body: { error: { requestId: '8e033668-9f1a', code: `${status}-${number}`, message } },
  };
}

/**
 * ASAPP's API as its pages describe it: two headers for the credentials, a spike arrest of 100 calls a second, a daily
 * limit, 409 for a message that it has already, and the call that authenticates a conversation.
 */
export async function startAsapp(clock: Clock): Promise<AsappStandIn> {
  const messages = new Set<string>();
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
    const { headers } = request;
    if (headers['asapp-api-id'] !== asappCredentials.id) return failure(401, 'Unauthorized');
    if (headers['asapp-api-secret'] !== asappCredentials.secret) return failure(401, 'Unauthorized');
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
  const server: AsappStandIn = Object.assign(standIn, { dailyLimit: Number.POSITIVE_INFINITY });
  return server;
}
