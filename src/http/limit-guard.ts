import type { BridgeError } from '../errors.ts';
import { callerNetwork } from '../limits/caller-network.ts';
import type { LimitedSubject, Limiter, LimitVerdict } from '../limits/limiter.ts';
import { limitHeaders, rateLimited } from './limit-headers.ts';
import type { RequestContext } from './request-context.ts';

/** Where requests meet the limits. What it answers goes into the headers of the answer, also of a refusal. */
export interface LimitGuard {
  /** Before anything is verified: throws `RATE_LIMITED` for an address that has used its failures up. */
  refuseBlocked(context: RequestContext): void;
  /**
   * After a failed authentication: counts it against the address. The refusal, when the address had used its failures
   * up, takes the place of the failure, so that a guess beyond the limit learns nothing.
   */
  countFailure(context: RequestContext): BridgeError | undefined | Promise<BridgeError | undefined>;
  /** Once it is known who calls: throws `RATE_LIMITED`. Awaits nothing when the process counts by itself. */
  admit(context: RequestContext, subjects: readonly LimitedSubject[]): void | Promise<void>;
  /**
   * The same for a partner's credentials: counts the key, the client and the partner. Whoever has proven nothing counts
   * by its address alone, so that knowing a public id does not suffice to use up what belongs to its owner.
   */
  admitCaller(context: RequestContext, caller: LimitedCaller): void | Promise<void>;
}

/** A partner's credentials as the limits see them. */
export interface LimitedCaller {
  partner: string;
  keyId?: string | undefined;
  clientId?: string | undefined;
  /** False when only public ids were shown. */
  proven: boolean;
}

/** The caller that a proof showed. */
export function callerOf(proof: {
  partner: { id: string };
  key: { keyId: string } | undefined;
  clientId: string | undefined;
  proven: boolean;
}): LimitedCaller {
  const { partner, key, clientId, proven } = proof;
  return { partner: partner.id, keyId: key?.keyId, clientId, proven };
}

export interface LimitGuardDeps {
  limiter: Limiter;
  /** Name of a partner's tier. */
  partnerTier(partner: string): string | undefined;
}

const EVERYBODY: LimitedSubject = { kind: 'service', id: 'all' };

export function createLimitGuard({ limiter, partnerTier }: LimitGuardDeps): LimitGuard {
  const settle = (context: RequestContext, verdict: LimitVerdict): BridgeError | undefined => {
    context.limits = verdict.policies;
    context.limitHeaders = limitHeaders(verdict.policies);
    return verdict.admitted ? undefined : rateLimited(verdict);
  };
  const enforce = (context: RequestContext, verdict: LimitVerdict): void => {
    const refusal = settle(context, verdict);
    if (refusal) throw refusal;
  };
  const admit = (context: RequestContext, subjects: readonly LimitedSubject[]): void | Promise<void> => {
    if (context.countsFailures !== 'alone') context.countsFailures = false;
    const verdict = limiter.admit([...subjects, EVERYBODY], context.address);
    if (verdict instanceof Promise) return verdict.then((settled) => enforce(context, settled));
    enforce(context, verdict);
  };
  return {
    refuseBlocked: (context) => {
      const verdict = limiter.blocked(context.address);
      if (verdict) enforce(context, verdict);
    },
    countFailure: (context) => {
      const verdict = limiter.countFailure(context.address, context.countsFailures === 'alone');
      return verdict instanceof Promise
        ? verdict.then((settled) => settle(context, settled))
        : settle(context, verdict);
    },
    admit,
    admitCaller: (context, { partner, keyId, clientId, proven }) => {
      if (!proven) return admit(context, [{ kind: 'address', id: callerNetwork(context.address) }]);
      const subjects: LimitedSubject[] = [];
      if (keyId !== undefined) subjects.push({ kind: 'key', id: keyId });
      if (clientId !== undefined) subjects.push({ kind: 'client', id: clientId });
      subjects.push({ kind: 'partner', id: partner, tier: partnerTier(partner) });
      return admit(context, subjects);
    },
  };
}
