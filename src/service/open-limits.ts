import type { KeyObject } from 'node:crypto';
import type { Audit } from '../audit/audit.ts';
import type { Config } from '../config/config.ts';
import { createLimitGuard, type LimitGuard } from '../http/limit-guard.ts';
import { createGuardedCounter, type GuardedCounter } from '../limits/guarded-counter.ts';
import { createLimiter, type Limiter } from '../limits/limiter.ts';
import { createSharedSignInThrottle } from '../limits/shared-sign-in-throttle.ts';
import {
  createSignInThrottle,
  type SignInThrottle,
  type SignInThrottleOptions,
} from '../limits/sign-in-throttle.ts';
import {
  createTierAssignments,
  type TierAssignments,
  type TierAssignmentStore,
} from '../limits/tier-assignments.ts';
import { createTiers } from '../limits/tiers.ts';
import type { Partners } from '../partners/partners.ts';
import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import type { Metrics } from '../platform/metrics.ts';
import { createMemoryLimitCounter } from '../stores/memory-limits.ts';
import type { RedisConnection } from '../stores/redis.ts';
import { createRedisLimitCounter } from '../stores/redis-limits.ts';

export interface OpenLimitsDeps {
  config: Config;
  clock: Clock;
  logger: Logger;
  metrics: Metrics;
  audit: Audit;
  redis: RedisConnection | undefined;
  assignmentStore: TierAssignmentStore;
  partners: Pick<Partners, 'all' | 'find'>;
  /** Account names are counted under their HMAC with this key. */
  throttleKey: KeyObject;
}

export interface OpenedLimits {
  limiter: Limiter;
  guard: LimitGuard;
  assignments: TierAssignments;
  throttle: SignInThrottle;
  /** How limits are counted at the moment, in a sentence. */
  probe(): Promise<{ ok: boolean; message: string }>;
}

function signInOptions({ sign_in }: Config): SignInThrottleOptions {
  return {
    maxFailuresPerAccount: sign_in.max_failures_per_account,
    windowSeconds: sign_in.window_seconds,
    maxFailuresPerAddress: sign_in.max_failures_per_address,
    addressWindowSeconds: sign_in.address_window_seconds,
    maxUnderWayPerAddress: sign_in.max_under_way_per_address,
  };
}

function openThrottle(deps: OpenLimitsDeps): SignInThrottle {
  const { config, redis, throttleKey } = deps;
  const options = signInOptions(config);
  if (!redis) return createSignInThrottle(options, throttleKey);
  const share = (limit: number) => Math.max(1, Math.floor((limit * config.limits.fallback_percent) / 100));
  const fallback = createSignInThrottle(
    {
      ...options,
      maxFailuresPerAccount: share(options.maxFailuresPerAccount),
      maxFailuresPerAddress: share(options.maxFailuresPerAddress),
    },
    throttleKey,
  );
  return createSharedSignInThrottle(options, { redis: redis.client, key: throttleKey, fallback });
}

function guarded(deps: OpenLimitsDeps, redis: RedisConnection): GuardedCounter {
  const { config, clock, logger, metrics } = deps;
  metrics.limitStoreAway.set(0);
  return createGuardedCounter({
    shared: createRedisLimitCounter(redis),
    local: createMemoryLimitCounter({ clock }),
    clock,
    fallbackPercent: config.limits.fallback_percent,
    onChange: (state, error) => {
      metrics.limitStoreAway.set(state === 'away' ? 1 : 0);
      if (state === 'away') logger.unexpected('limits.store_away', error);
      else logger.log('info', { event: 'limits.store_back' });
    },
  });
}

/** The limits as configured: counted in Redis when there is one, else in this process. */
export async function openLimits(deps: OpenLimitsDeps): Promise<OpenedLimits> {
  const { config, clock, metrics, redis, audit, partners } = deps;
  const assignments = createTierAssignments({ store: deps.assignmentStore, audit });
  await assignments.refresh();
  const { tiers, defaults, failures } = config.limits;
  const shared = redis && guarded(deps, redis);
  const configured = Object.entries(tiers).map(
    ([name, windows]) =>
      [name, windows.map(({ quota, window_seconds }) => ({ quota, windowSeconds: window_seconds }))] as const,
  );
  const limiter = createLimiter(
    {
      tiers: createTiers(Object.fromEntries(configured)),
      defaults: { ...defaults, key: defaults.api_key },
      failures: { quota: failures.max_per_address, windowSeconds: failures.window_seconds },
    },
    {
      counter: shared ?? createMemoryLimitCounter({ clock }),
      clock,
      assignedTier: (kind, id) =>
        kind === 'key' || kind === 'client' ? assignments.find(kind, id) : undefined,
      onRefused: (subject) => metrics.limitRefusals.inc({ subject }),
    },
  );
  return {
    limiter,
    guard: createLimitGuard({ limiter, partnerTier: (id) => partners.find(id)?.tier }),
    assignments,
    throttle: openThrottle(deps),
    probe: async () => {
      const lost = partners.all().find(({ tier }) => !limiter.tiers.has(tier));
      if (lost) {
        return {
          ok: false,
          message: `Partner ${lost.id} has the tier ${lost.tier}, which is not configured; "production" holds for it. Add it to limits.tiers, or run: symbolon partners update ${lost.id} --tier NAME`,
        };
      }
      if (!shared) return { ok: true, message: 'counted in this process; a restart begins anew' };
      await shared.count([]);
      return shared.isAway()
        ? {
            ok: false,
            message: `Redis does not count; this process counts by itself, at ${config.limits.fallback_percent} % of each limit.`,
          }
        : { ok: true, message: 'counted in Redis, for all processes together' };
    },
  };
}
