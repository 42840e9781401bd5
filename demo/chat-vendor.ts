/**
 * The chat vendor's server behind the widget. It believes nothing that the browser says about the customer: each
 * request brings the customer token, and who that is comes from the bridge. Conversations are kept by customer
 * identifier, so they are there again at the customer's next sign-in.
 */
import { understand } from './chat-answers.ts';
import { parseJsonObject } from './json.ts';
import {
  type LoopbackAnswer,
  type LoopbackRequest,
  type LoopbackServer,
  listenOnLoopback,
} from './loopback-server.ts';
import type { ProfileOutcome, VendorBridgeClient } from './vendor-bridge-client.ts';

export interface ChatMessage {
  from: 'customer' | 'bot';
  text: string;
  at: string;
}

const MAX_MESSAGES_KEPT = 60;
const MAX_CONVERSATIONS = 1_000;
const MAX_TEXT_CHARACTERS = 500;

/** Conversations by customer identifier; the least recently used make room for new ones. */
function createConversations() {
  const byCustomer = new Map<string, ChatMessage[]>();
  return {
    read: (customerId: string): ChatMessage[] => byCustomer.get(customerId) ?? [],
    add(customerId: string, messages: readonly ChatMessage[]): void {
      const kept = [...(byCustomer.get(customerId) ?? []), ...messages].slice(-MAX_MESSAGES_KEPT);
      byCustomer.delete(customerId);
      byCustomer.set(customerId, kept);
      const [oldest] = byCustomer.keys();
      if (byCustomer.size > MAX_CONVERSATIONS && oldest !== undefined) byCustomer.delete(oldest);
    },
  };
}

function refusal(outcome: Exclude<ProfileOutcome, { outcome: 'ok' }>): LoopbackAnswer {
  if (outcome.outcome === 'unreachable') {
    const message = 'The chat cannot reach the bridge at the moment.';
    return { status: 502, body: { code: 'BRIDGE_UNREACHABLE', message } };
  }
  const { status, code, message, retryAfterSeconds } = outcome;
  return { status: status >= 500 ? 502 : status, body: { code, message, retry_after: retryAfterSeconds } };
}

function textOf(request: LoopbackRequest): string {
  const { text } = parseJsonObject(request.body);
  return typeof text === 'string' ? text.trim() : '';
}

/** Starts the vendor's server on `port`; only pages of `shopOrigin` may call it. */
export async function startChatVendor(options: {
  port: number;
  shopOrigin: string;
  bridge: VendorBridgeClient;
  /** A widget of the vendor `id` shows what it was handed. */
  admit: (id: string, body: string) => Promise<LoopbackAnswer>;
  nowMs: () => number;
}): Promise<LoopbackServer> {
  const { bridge, shopOrigin, nowMs } = options;
  const conversations = createConversations();
  const say = (from: ChatMessage['from'], text: string): ChatMessage => ({
    from,
    text,
    at: new Date(nowMs()).toISOString(),
  });

  /** The widget opens: who is this, and what was said before? */
  async function open(customerToken: string): Promise<LoopbackAnswer> {
    const outcome = await bridge.getProfile(customerToken, ['display_name']);
    if (outcome.outcome !== 'ok') return refusal(outcome);
    const { customerId, profile } = outcome;
    return {
      status: 200,
      body: {
        customer_id: customerId,
        display_name: profile.display_name,
        history: conversations.read(customerId),
      },
    };
  }

  async function ask(customerToken: string, request: LoopbackRequest): Promise<LoopbackAnswer> {
    const text = textOf(request);
    if (text === '' || text.length > MAX_TEXT_CHARACTERS) {
      const message = `Write 1 to ${MAX_TEXT_CHARACTERS} characters.`;
      return { status: 400, body: { code: 'INVALID_MESSAGE', message } };
    }
    const question = understand(text);
    const outcome = await bridge.getProfile(customerToken, question.fields);
    if (outcome.outcome !== 'ok') return refusal(outcome);
    const { customerId, profile } = outcome;
    const answer = say('bot', question.answer(profile, customerId));
    conversations.add(customerId, [say('customer', text), answer]);
    return { status: 200, body: { customer_id: customerId, answer } };
  }

  /** The customer wants it on the telephone, too. */
  async function sendToPhone(customerToken: string): Promise<LoopbackAnswer> {
    const outcome = await bridge.sendMessage(customerToken, 'Your chat goes on here whenever you like.');
    if (outcome.outcome !== 'sent') return refusal(outcome);
    return { status: 200, body: { id: outcome.id } };
  }

  function route(request: LoopbackRequest): Promise<LoopbackAnswer> | LoopbackAnswer {
    if (request.method === 'OPTIONS') {
      return {
        status: 204,
        headers: {
          'access-control-allow-methods': 'POST',
          'access-control-allow-headers': 'authorization, content-type',
          'access-control-max-age': '600',
        },
      };
    }
    const other = request.method === 'POST' ? /^\/vendors\/([a-z-]+)$/.exec(request.path)?.[1] : undefined;
    if (other !== undefined) return options.admit(other, request.body);
    const [scheme, token] = (request.headers.authorization ?? '').split(' ');
    if (scheme !== 'Bearer' || !token) {
      return { status: 401, body: { code: 'TOKEN_MISSING', message: 'The chat needs the customer token.' } };
    }
    if (request.method === 'POST' && request.path === '/chat/open') return open(token);
    if (request.method === 'POST' && request.path === '/chat/messages') return ask(token, request);
    if (request.method === 'POST' && request.path === '/chat/phone') return sendToPhone(token);
    return { status: 404, body: { code: 'NOT_FOUND', message: 'There is nothing at this address.' } };
  }

  return listenOnLoopback(options.port, async (request) => {
    if (request.headers.origin !== undefined && request.headers.origin !== shopOrigin) {
      return {
        status: 403,
        body: { code: 'ORIGIN_NOT_ALLOWED', message: 'This page may not use the chat.' },
      };
    }
    const answer = await route(request);
    const cors = { 'access-control-allow-origin': shopOrigin, vary: 'origin' };
    return { ...answer, headers: { ...answer.headers, ...cors } };
  });
}
