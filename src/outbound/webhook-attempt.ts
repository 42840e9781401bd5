import { type Clock, epochSeconds } from '../platform/clock.ts';
import { webhookHeaders, webhookKey } from '../signatures/webhook.ts';
import type { OutboundRequest, OutboundResponse } from './outbound-types.ts';

/** Where signed messages go. */
export interface WebhookReceiver {
  /** The path below the receiver's address, query included. */
  path: string;
  /** One attempt, through the one way out. */
  request(request: OutboundRequest): Promise<OutboundResponse>;
  /** `whsec_…`, or any text. */
  secret: string;
  clock: Clock;
}

/** `retry` says why: a status, or what went wrong on the way. */
export type WebhookOutcome = 'done' | 'refused' | { retry: string };

/** Sends a message once, signed anew; its id stays the same over attempts, so that the receiver can tell it again. */
export type AttemptWebhook = (id: string, body: string) => Promise<WebhookOutcome>;

const GONE = 410;

export function createWebhookAttempt({ clock, secret, path, request }: WebhookReceiver): AttemptWebhook {
  const key = webhookKey(secret);
  return async (id, body) => {
    try {
      const { status } = await request({
        method: 'POST',
        path,
        headers: {
          'content-type': 'application/json',
          ...webhookHeaders(key, { id, timestampSeconds: epochSeconds(clock), body }),
        },
        body,
      });
      if (status >= 200 && status < 300) return 'done';
      return status === GONE ? 'refused' : { retry: `status ${status}` };
    } catch (error) {
      return { retry: error instanceof Error && 'failure' in error ? String(error.failure) : 'failed' };
    }
  };
}
