import { z } from 'zod';
import { BridgeError } from '../errors.ts';
import { completeCall } from './call-body.ts';
import { callPartner } from './call-partner.ts';
import { findOpenPath } from './open-path.ts';
import type { PartnerApi } from './partner-api.ts';

export interface ConversationAuthentication {
  /** As ASAPP names the conversation: capital letters and digits. */
  conversationId: string;
  /** The identifier that ASAPP knows the customer by. */
  customerId: string;
  /** The customer's own token; ASAPP sends it along when it asks the company about this customer. */
  token: string;
  /** The event stream that asked for it, where one did. */
  streamId?: string | undefined;
}

/**
 * Tells ASAPP who the customer in a conversation is, at its start or when its event stream asks for it
 * (docs.asapp.com/apis/conversations/authenticate-a-user-in-a-conversation). Throws `INVALID_REQUEST` for what
 * cannot be a conversation of ASAPP, and what `callPartner` throws.
 */
export async function authenticateConversation(
  api: Pick<PartnerApi, 'call' | 'knownPaths'>,
  { conversationId, customerId, token, streamId }: ConversationAuthentication,
): Promise<void> {
  const path = `/conversation/v1/conversations/${conversationId}/authenticate`;
  const known = findOpenPath(api.knownPaths, path);
  if (!known) {
    throw new BridgeError('INVALID_REQUEST', { details: { member: 'conversation_id' } });
  }
  const completed = completeCall(known, {
    body: streamId === undefined ? {} : { streamId },
    customer: { identifier: customerId, token },
  });
  if ('member' in completed)
    throw new BridgeError('INVALID_REQUEST', { details: { member: completed.member } });
  const { body, headers } = completed;
  await callPartner(api, { method: 'POST', path, headers, body, lane: 'conversations' }, z.unknown());
}
