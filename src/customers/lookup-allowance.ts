import { BridgeError } from '../errors.ts';
import type { AdminActor } from '../partners/partners.ts';
import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';

const HOUR_MS = 3_600_000;
/** From this part of the allowance on the log has a warning, once an hour. */
const ALARM_SHARE = 0.5;

export interface LookupAllowanceDeps {
  clock: Pick<Clock, 'monotonicMs'>;
  logger?: Logger | undefined;
  /** Identifiers that may be looked up in an hour, by each actor and in each process. */
  perHour: number;
}

/**
 * Bounds how fast identifiers can be turned back into references, so that a stolen admin token does not carry the whole
 * list away before somebody notices. An hour begins with its first look-up.
 */
export function createLookupAllowance({ clock, logger, perHour }: LookupAllowanceDeps) {
  const hours = new Map<string, { endsAtMs: number; used: number; alarmed: boolean }>();
  return {
    /** Takes `count` look-ups, or none. Throws `RATE_LIMITED`. */
    take(count: number, { actor, requestId, address }: AdminActor): void {
      const nowMs = clock.monotonicMs();
      const known = hours.get(actor);
      const hour =
        known && nowMs < known.endsAtMs ? known : { endsAtMs: nowMs + HOUR_MS, used: 0, alarmed: false };
      hours.set(actor, hour);
      const admitted = hour.used + count <= perHour;
      if (admitted) hour.used += count;
      if (!hour.alarmed && (!admitted || hour.used >= perHour * ALARM_SHARE)) {
        hour.alarmed = true;
        const facts = { actor, address, request_id: requestId, used: hour.used, allowed: perHour };
        logger?.log('warn', { event: 'customer.lookups_high', ...facts });
      }
      if (!admitted) {
        throw new BridgeError('RATE_LIMITED', {
          message: `No more than ${perHour} identifiers are looked up in an hour.`,
          retryAfterSeconds: Math.ceil((hour.endsAtMs - nowMs) / 1_000),
        });
      }
    },
  };
}

export type LookupAllowance = ReturnType<typeof createLookupAllowance>;
