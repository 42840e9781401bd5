import type { Audit } from '../../audit/audit.ts';
import { WEBHOOK_RETRY_MS } from '../../outbound/webhook.ts';
import type { AttemptWebhook } from '../../outbound/webhook-attempt.ts';
import { type Clock, CLOCK_SKEW_MS } from '../../platform/clock.ts';
import type { Logger } from '../../platform/logger.ts';
import type { NoticeStore, PartnerNotice } from '../customer-registry.ts';

export interface PartnerNoticesDeps {
  store: NoticeStore;
  /** By partner. */
  receivers: ReadonlyMap<string, AttemptWebhook>;
  clock: Clock;
  audit: Audit;
  logger: Logger;
}

const AT_ONCE = 20;
/** Longer than an attempt can take; a process that dies in the middle delays a message by this. */
const LEASE_MS = 60_000;
/** Once the first pauses are through, a message is tried again this often for as long as it takes. */
const SLOW_RETRY_MS = 3_600_000;

/**
 * Tells partners what became of identifiers. A message stays in the database until its receiver has taken it, over
 * restarts and whatever the receiver answers; a partner without a receiver keeps its messages waiting.
 */
export function createPartnerNotices(deps: PartnerNoticesDeps) {
  const { store, receivers, clock, audit, logger } = deps;

  const send = async (notice: PartnerNotice): Promise<void> => {
    const { id, partner, type, attempts } = notice;
    const attempt = receivers.get(partner);
    const outcome = attempt ? await attempt(id, notice.body) : { retry: 'no receiver is configured' };
    if (outcome === 'done') {
      await store.remove(id);
      audit.event('customer.partner_told', {
        outcome: 'success',
        actor: 'system',
        partner,
        details: { type, message: id, attempts: attempts + 1 },
      });
      return;
    }
    const reason = outcome === 'refused' ? 'the receiver says that it is gone' : outcome.retry;
    logger.log('warn', { event: 'webhook.attempt_failed', code: type, partner, reason });
    await store.postpone(id, clock.nowMs() + (WEBHOOK_RETRY_MS[attempts] ?? SLOW_RETRY_MS));
  };

  return {
    /** Sends what is due, at most twenty messages. */
    run: async (): Promise<void> => {
      const nowMs = clock.nowMs();
      // Nothing is put off for longer than that: it was before the clock was set back.
      const latestMs = nowMs + SLOW_RETRY_MS + CLOCK_SKEW_MS;
      const due = await store.claim({ nowMs, latestMs, leaseMs: LEASE_MS, limit: AT_ONCE });
      await Promise.all(due.map(send));
    },
    list: () => store.list(1_000),
  };
}

export type PartnerNotices = ReturnType<typeof createPartnerNotices>;
