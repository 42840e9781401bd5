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
  /** Attempts of one address that may be under way at once, in this process. Default 24. */
  maxUnderWayPerAddress: number;
}

export interface SignInThrottle {
  /**
   * Runs one attempt for an account (canonical name) from an address. Of an account, and of an address, at most as
   * many attempts are under way as it has failures left, so that parallel guesses never get more than the limit; the
   * others wait for at most two seconds. Beyond `maxUnderWayPerAddress` nothing waits.
   * Throws `RATE_LIMITED` with the seconds to wait, or `SIGN_IN_BUSY` when too many wait, or too long.
   */
  guard<T extends Attempt>(account: string, address: string, attempt: () => Promise<T>): Promise<T>;
}

/**
 * `passed` forgets the account's failures, `failed` counts one, `undecided` (nobody could tell) does neither. `busy`
 * (there was too much to do) counts for the address alone: whoever sends more than can be done is throttled for it.
 */
export interface Attempt {
  verdict: 'passed' | 'failed' | 'undecided' | 'busy';
}

/**
 * The name that an account's failures are counted under. Spellings that some directory takes for the same name (white
 * space around or inside it, invisible characters, wide letters, case) share one count, so that no spelling buys new
 * guesses; two real names that differ in nothing else share it too.
 */
export function throttleName(username: string): string {
  return username
    .normalize('NFKC')
    .replaceAll(/[\p{White_Space}\p{Default_Ignorable_Code_Point}\p{Cc}]/gu, '')
    .toLowerCase()
    .normalize('NFKC');
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

  const count = async (name: string, network: string, { verdict }: Attempt): Promise<void> => {
    if (verdict === 'failed') await accounts.penalty(name);
    if (verdict === 'failed' || verdict === 'busy') await addresses.penalty(network);
    if (verdict === 'passed') await accounts.delete(name);
  };

  const attempted = async <T extends Attempt>(
    [account, network]: [string, string],
    attempt: () => Promise<T>,
  ): Promise<T> => {
    const name = createHmac('sha256', key).update(account).digest('base64url');
    const addressGate = await enter(addresses, network);
    try {
      const accountGate = await enter(accounts, name);
      try {
        const result = await attempt();
        await count(name, network, result);
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
      return underWay.run(network, () => attempted([account, network], attempt));
    },
  };
}
