import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../platform/logger.ts';
import { randomToken } from '../platform/random.ts';
import { createWebhookAttempt, type WebhookReceiver } from './webhook-attempt.ts';

/** Sends signed messages to one receiver, in the background. */
export interface Webhook {
  /** Takes a message and returns at once. Beyond a hundred undelivered messages the new one is dropped and logged. */
  send(type: string, data: unknown): void;
  /** Settles when nothing is on its way or waiting. */
  idle(): Promise<void>;
  /** Gives up what waits for another try. */
  close(): Promise<void>;
}

export interface WebhookDeps extends WebhookReceiver {
  logger: Logger;
  /** Replaced by tests. */
  wait?: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** Waits before the second and each further attempt; after the last the message is given up. */
export const WEBHOOK_RETRY_MS: readonly number[] = [1_000, 10_000, 60_000, 300_000, 1_800_000];

const MAX_UNDELIVERED = 100;

const wakeUp = async (ms: number, signal: AbortSignal): Promise<void> => {
  await delay(ms, undefined, { signal, ref: false });
};

export function createWebhook(deps: WebhookDeps): Webhook {
  const { clock, logger, wait = wakeUp } = deps;
  const attempt = createWebhookAttempt(deps);
  const undelivered = new Set<Promise<void>>();
  const closing = new AbortController();

  const deliver = async (type: string, body: string): Promise<void> => {
    const id = `msg_${randomToken(18)}`;
    for (const waitMs of [...WEBHOOK_RETRY_MS, undefined]) {
      const outcome = await attempt(id, body);
      if (outcome === 'done') return;
      if (outcome === 'refused' || waitMs === undefined) {
        const reason = outcome === 'refused' ? 'the receiver wants no more' : outcome.retry;
        logger.log('error', { event: 'webhook.undelivered', code: type, reason });
        return;
      }
      logger.log('warn', { event: 'webhook.attempt_failed', code: type, reason: outcome.retry });
      await wait(waitMs, closing.signal);
    }
  };

  return {
    send: (type, data) => {
      if (closing.signal.aborted || undelivered.size >= MAX_UNDELIVERED) {
        logger.log('error', { event: 'webhook.undelivered', code: type, reason: 'too many are waiting' });
        return;
      }
      const timestamp = new Date(clock.nowMs()).toISOString();
      const delivery = deliver(type, JSON.stringify({ type, timestamp, data }))
        .catch(() => {
          logger.log('error', { event: 'webhook.undelivered', code: type, reason: 'stopped' });
        })
        .finally(() => undelivered.delete(delivery));
      undelivered.add(delivery);
    },
    idle: async () => {
      await Promise.all(undelivered);
    },
    close: async () => {
      closing.abort();
      await Promise.all(undelivered);
    },
  };
}
