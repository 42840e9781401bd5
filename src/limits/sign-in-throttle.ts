/**
 * Limits: how often something may be tried. The sign-in throttle counts failures per account (unknown names too) and
 * per address; a guess that comes while an account is throttled learns nothing, not even whether it was right.
 */
import { createHmac, type KeyObject } from 'node:crypto';
import { createRequire } from 'node:module';
import type { RateLimiterMemory as Limiter } from 'rate-limiter-flexible';
import { BridgeError } from '../errors.ts';
import { callerNetwork } from './caller-network.ts';
import { createUnderWay, type Patience, signInBusy, startPatience } from './under-way.ts';

// By its own file: the index of the package loads a client for every store there is.
const RateLimiterMemory = createRequire(import.meta.url)(
  'rate-limiter-flexible/lib/RateLimiterMemory.js',
) as typeof Limiter;

export interface SignInThrottleOptions {
  /** Consecutive failures before an account is throttled. Default 20, at most 100 (NIST SP 800-63B). */
  maxFailuresPerAccount: number;
  /** Failures are forgotten after this long. Default 900. */
  windowSeconds: number;
  /** Failures from one address before it is throttled. Default 1,000. */
  maxFailuresPerAddress: number;
  /** Default 60. */
  addressWindowSeconds: number;
  /** Attempts of one address that may be under way at once, in this process. Default 64. */
  maxUnderWayPerAddress: number;
}

export interface SignInThrottle {
  /**
   * Runs one attempt for an account (canonical name) from an address. Of an account, and of an address, at most as
   * many attempts are under way as it has failures left, so that parallel guesses never get more than the limit; the
   * others wait for at most two seconds. Beyond `maxUnderWayPerAddress` nothing waits.
   * Throws `RATE_LIMITED` with the seconds to wait, or `SIGN_IN_BUSY` when too many wait, or too long.
   */
  guard<T extends Attempt>(
    account: string | SpelledAccount,
    address: string,
    attempt: () => Promise<T>,
  ): Promise<T>;
}

/** An account as it was named. */
export interface SpelledAccount {
  /** What all spellings of its name share: `throttleName`. */
  account: string;
  /**
   * The name as it was typed, and what it was looked for in: one spelling is one person. A sign-in forgets the failures
   * of its own spelling alone, so that nobody wipes out the count of a stranger's name by signing in with one like it.
   */
  spelling: string;
}

/** The names that an attempt is counted under: keyed hashes, so that no list of them tells who signs in. */
export function countedNames(of: string | SpelledAccount, key: KeyObject): { name: string; spelled: string } {
  const { account, spelling } = typeof of === 'string' ? { account: of, spelling: of } : of;
  const keyed = (text: string) => createHmac('sha256', key).update(text).digest('base64url');
  return { name: keyed(account), spelled: keyed(JSON.stringify([account, spelling])) };
}

/**
 * `passed` forgets the failures of this spelling, `failed` counts one, `undecided` (nobody could tell) does neither.
 */
export interface Attempt {
  verdict: 'passed' | 'failed' | 'undecided';
}

/** Attempts of one account, and of one address, that may wait for a place. */
const MAX_WAITING = 256;

/** The refusal of a throttled account or address: says which limit is used up, not whether anything was right. */
export function tooManyFailures(
  policy: 'sign-in-account' | 'sign-in-address',
  limit: { points: number; duration: number },
  waitMs: number,
): BridgeError {
  return new BridgeError('RATE_LIMITED', {
    message: 'Too many failed sign-ins. Wait before the next one.',
    details: { policy, quota: limit.points, window_seconds: limit.duration },
    // The limiter reckons the rest of its window by the wall clock, which may have been set back.
    retryAfterSeconds: Math.min(Math.max(1, Math.ceil(waitMs / 1000)), limit.duration),
  });
}

/** What an attempt is counted under. */
interface Names {
  name: string;
  spelled: string;
  network: string;
}

interface Gate {
  id: string;
  inFlight: number;
  waiting: Set<() => void>;
}

export function createSignInThrottle(options: SignInThrottleOptions, key: KeyObject): SignInThrottle {
  const accounts = new RateLimiterMemory({
    keyPrefix: 'account',
    points: options.maxFailuresPerAccount,
    duration: options.windowSeconds,
  });
  const spellings = new RateLimiterMemory({
    keyPrefix: 'spelling',
    points: options.maxFailuresPerAccount,
    duration: options.windowSeconds,
  });
  const addresses = new RateLimiterMemory({
    keyPrefix: 'address',
    points: options.maxFailuresPerAddress,
    duration: options.addressWindowSeconds,
  });
  const gates = new Map<string, Gate>();
  const underWay = createUnderWay(options.maxUnderWayPerAddress);

  const failuresOf = async (limiter: Limiter, name: string): Promise<number> => {
    const state = await limiter.get(name);
    const failures = state?.consumedPoints ?? 0;
    if (failures >= limiter.points)
      throw tooManyFailures(
        `sign-in-${limiter.keyPrefix as 'account' | 'address'}`,
        limiter,
        state?.msBeforeNext ?? 1_000,
      );
    return failures;
  };

  const gateOf = (limiter: Limiter, name: string): Gate => {
    const id = `${limiter.keyPrefix} ${name}`;
    const gate = gates.get(id) ?? { id, inFlight: 0, waiting: new Set() };
    gates.set(id, gate);
    return gate;
  };

  const wakeAll = (gate: Gate) => {
    const woken = [...gate.waiting];
    gate.waiting.clear();
    for (const wake of woken) wake();
  };

  const leave = (gate: Gate) => {
    gate.inFlight--;
    if (gate.inFlight === 0 && gate.waiting.size === 0) gates.delete(gate.id);
    wakeAll(gate);
  };

  /** Waits until somebody leaves. Throws `SIGN_IN_BUSY` when too many wait already, or when patience ends. */
  const waitAt = async (gate: Gate, patience: Patience): Promise<void> => {
    const full = gate.waiting.size >= MAX_WAITING;
    let wake = () => {};
    const woken = full ? undefined : new Promise<void>((resolve) => (wake = resolve));
    if (woken) gate.waiting.add(wake);
    gate.inFlight--;
    // With nobody under way there would be nobody to wake those who wait.
    if (gate.inFlight === 0) wakeAll(gate);
    if (!woken) throw signInBusy();
    if (await patience.outlasts(woken)) return;
    gate.waiting.delete(wake);
    throw signInBusy();
  };

  /** Takes a place, or waits until one is free. */
  const enter = async (limiter: Limiter, name: string): Promise<Gate> => {
    let patience: Patience | undefined;
    try {
      for (;;) {
        const gate = gateOf(limiter, name);
        // Counted before the failures are read: whatever fails in between is in one of the two numbers.
        const inside = ++gate.inFlight;
        let failures: number;
        try {
          failures = await failuresOf(limiter, name);
        } catch (error) {
          leave(gate);
          throw error;
        }
        if (failures + inside <= limiter.points) return gate;
        await waitAt(gate, (patience ??= startPatience()));
      }
    } finally {
      patience?.stop();
    }
  };

  const forget = async (name: string, spelled: string): Promise<void> => {
    const [own, all] = await Promise.all([spellings.get(spelled), accounts.get(name)]);
    const { consumedPoints: failed = 0 } = own ?? {};
    await spellings.delete(spelled);
    if (failed >= (all?.consumedPoints ?? 0)) await accounts.delete(name);
    else if (failed > 0) await accounts.reward(name, failed);
  };

  const count = async (verdict: Attempt['verdict'], names: Names): Promise<void> => {
    const { name, spelled, network } = names;
    if (verdict === 'failed')
      await Promise.all([accounts.penalty(name), spellings.penalty(spelled), addresses.penalty(network)]);
    if (verdict === 'passed') await forget(name, spelled);
  };

  const attempted = async <T extends Attempt>(names: Names, attempt: () => Promise<T>): Promise<T> => {
    const addressGate = await enter(addresses, names.network);
    try {
      const accountGate = await enter(accounts, names.name);
      try {
        const result = await attempt();
        await count(result.verdict, names);
        return result;
      } finally {
        leave(accountGate);
      }
    } finally {
      leave(addressGate);
    }
  };

  return {
    guard: (account, address, attempt) => {
      const network = callerNetwork(address);
      return underWay.run(network, () => attempted({ ...countedNames(account, key), network }, attempt));
    },
  };
}
