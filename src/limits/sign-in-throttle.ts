/**
 * Limits: how often something may be tried. The sign-in throttle counts failures per account (unknown names too) and
 * per address; a guess that comes while an account is throttled learns nothing, not even whether it was right.
 */
import { createHmac, type KeyObject } from 'node:crypto';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { BridgeError } from '../errors.ts';

export interface SignInThrottleOptions {
  /** Consecutive failures before an account is throttled. Default 20, at most 100 (NIST SP 800-63B). */
  maxFailuresPerAccount: number;
  /** Failures are forgotten after this long. Default 900. */
  windowSeconds: number;
  /** Failures from one address before it is throttled. Default 300. */
  maxFailuresPerAddress: number;
  /** Default 60. */
  addressWindowSeconds: number;
}

export interface SignInThrottle {
  /**
   * Runs one attempt for an account (canonical name) from an address. At most as many attempts of an account are
   * under way as it has failures left, so that parallel guesses never get more than the limit; the others wait.
   * Throws `RATE_LIMITED` with the seconds to wait, or `SIGN_IN_BUSY` when too many wait.
   */
  guard<T extends Attempt>(account: string, address: string, attempt: () => Promise<T>): Promise<T>;
}

/** `passed` forgets the account's failures, `failed` counts one, `undecided` (nobody could tell) does neither. */
export interface Attempt {
  verdict: 'passed' | 'failed' | 'undecided';
}

const MAX_WAITING_PER_ACCOUNT = 256;

interface Gate {
  inFlight: number;
  waiting: (() => void)[];
}

export function createSignInThrottle(options: SignInThrottleOptions, key: KeyObject): SignInThrottle {
  const accounts = new RateLimiterMemory({
    keyPrefix: 'account',
    points: options.maxFailuresPerAccount,
    duration: options.windowSeconds,
  });
  const addresses = new RateLimiterMemory({
    keyPrefix: 'address',
    points: options.maxFailuresPerAddress,
    duration: options.addressWindowSeconds,
  });
  const gates = new Map<string, Gate>();

  const refuseWhenOver = async (limiter: RateLimiterMemory, name: string): Promise<number> => {
    const state = await limiter.get(name);
    const failures = state?.consumedPoints ?? 0;
    if (failures >= limiter.points) {
      throw new BridgeError('RATE_LIMITED', {
        message: 'Too many failed sign-ins. Wait before the next one.',
        retryAfterSeconds: Math.max(1, Math.ceil((state?.msBeforeNext ?? 1_000) / 1000)),
      });
    }
    return failures;
  };

  const leave = (name: string, gate: Gate) => {
    gate.inFlight--;
    const waiting = gate.waiting.splice(0);
    if (gate.inFlight === 0 && waiting.length === 0) gates.delete(name);
    for (const wake of waiting) wake();
  };

  const enter = async (name: string): Promise<Gate> => {
    for (;;) {
      const gate = gates.get(name) ?? { inFlight: 0, waiting: [] };
      gates.set(name, gate);
      // Counted before the failures are read: whatever fails in between is in one of the two numbers.
      const underWay = ++gate.inFlight;
      let failures: number;
      try {
        failures = await refuseWhenOver(accounts, name);
      } catch (error) {
        leave(name, gate);
        throw error;
      }
      if (failures + underWay <= options.maxFailuresPerAccount) return gate;
      if (gate.waiting.length >= MAX_WAITING_PER_ACCOUNT) {
        gate.inFlight--;
        throw new BridgeError('SIGN_IN_BUSY', { retryAfterSeconds: 1 });
      }
      const woken = new Promise<void>((resolve) => gate.waiting.push(resolve));
      gate.inFlight--;
      if (gate.inFlight === 0) for (const wake of gate.waiting.splice(0)) wake();
      await woken;
    }
  };

  return {
    guard: async (account, address, attempt) => {
      const name = createHmac('sha256', key).update(account).digest('base64url');
      await refuseWhenOver(addresses, address);
      const gate = await enter(name);
      try {
        const result = await attempt();
        if (result.verdict === 'failed')
          await Promise.all([accounts.penalty(name), addresses.penalty(address)]);
        if (result.verdict === 'passed') await accounts.delete(name);
        return result;
      } finally {
        leave(name, gate);
      }
    },
  };
}
