import type { KeyObject } from 'node:crypto';
import { createRequire } from 'node:module';
import type { RateLimiterRedis as Limiter } from 'rate-limiter-flexible';
import { callerNetwork } from './caller-network.ts';
import {
  type Attempt,
  countedNames,
  type SignInThrottle,
  type SignInThrottleOptions,
  type SpelledAccount,
  tooManyFailures,
} from './sign-in-throttle.ts';
import { createUnderWay, signInBusy, startPatience } from './under-way.ts';

const require = createRequire(import.meta.url);

export interface SharedSignInThrottleDeps {
  /** A node-redis client whose commands are answered, or fail, within a deadline. */
  redis: object;
  key: KeyObject;
  /** Takes over while Redis is away, with smaller limits. */
  fallback: SignInThrottle;
}

/**
 * A point is taken only while there is one, and never given back below none: a refused attempt leaves the count alone.
 * The limiter hands over: points, seconds, limit.
 */
const TAKE = `
redis.call('set', KEYS[1], 0, 'EX', ARGV[2], 'NX')
local used, points = tonumber(redis.call('get', KEYS[1])), tonumber(ARGV[1])
if points > 0 and used >= tonumber(ARGV[3]) then return { used + points, redis.call('pttl', KEYS[1]) } end
if used + points < 0 then points = -used end
return { redis.call('incrby', KEYS[1], points), redis.call('pttl', KEYS[1]) }
`;

const MAX_WAITING = 256;

type Names = ReturnType<typeof countedNames> & { network: string };

const accountOf = (of: string | SpelledAccount): string => (typeof of === 'string' ? of : of.account);

/** Attempts under way in this process; further ones wait, so that honest ones of a fleet do not use up the limit. */
const placesFor = (limit: number): number => Math.max(1, Math.min(64, Math.floor(limit / 4)));

/** Lets at most `places` runs of one name happen at a time. Throws `SIGN_IN_BUSY` when too many wait, or too long. */
function createTurnstile(places: number) {
  const gates = new Map<string, { inside: number; waiting: Set<() => void> }>();
  const enter = async (name: string): Promise<void> => {
    const gate = gates.get(name) ?? { inside: 0, waiting: new Set() };
    gates.set(name, gate);
    if (gate.inside < places) {
      gate.inside += 1;
      return;
    }
    if (gate.waiting.size >= MAX_WAITING) throw signInBusy();
    let turn = () => {};
    const woken = new Promise<void>((resolve) => (turn = resolve));
    gate.waiting.add(turn);
    const patience = startPatience();
    const inTime = await patience.outlasts(woken);
    patience.stop();
    // Still in the line: the place of one who was called in the same moment is taken all the same.
    if (!inTime && gate.waiting.delete(turn)) throw signInBusy();
  };
  const leave = (name: string): void => {
    const gate = gates.get(name);
    // The place goes to whoever waited longest.
    const [next] = gate?.waiting ?? [];
    if (gate && next) {
      gate.waiting.delete(next);
      return next();
    }
    if (gate && --gate.inside === 0) gates.delete(name);
  };
  return {
    pass: async <T>(name: string, run: () => Promise<T>): Promise<T> => {
      await enter(name);
      try {
        return await run();
      } finally {
        leave(name);
      }
    },
  };
}

/**
 * The sign-in throttle of several processes: failures are counted in Redis. Each attempt takes its place among the
 * failures before it is made and gives it back when it was none, so processes that guess in parallel never get more
 * guesses than one.
 */
export function createSharedSignInThrottle(
  options: SignInThrottleOptions,
  deps: SharedSignInThrottleDeps,
): SignInThrottle {
  const common = {
    storeClient: deps.redis,
    useRedisPackage: true,
    rejectIfRedisNotReady: true,
    customIncrTtlLuaScript: TAKE,
  };
  // By its own file: the index of the package loads a client for every store there is.
  const RateLimiterRedis = require('rate-limiter-flexible/lib/RateLimiterRedis.js') as typeof Limiter;
  const accounts = new RateLimiterRedis({
    ...common,
    keyPrefix: 'symbolon:sign-in:account',
    points: options.maxFailuresPerAccount,
    duration: options.windowSeconds,
  });
  const spellings = new RateLimiterRedis({
    ...common,
    keyPrefix: 'symbolon:sign-in:spelling',
    points: options.maxFailuresPerAccount,
    duration: options.windowSeconds,
  });
  const addresses = new RateLimiterRedis({
    ...common,
    keyPrefix: 'symbolon:sign-in:address',
    points: options.maxFailuresPerAddress,
    duration: options.addressWindowSeconds,
  });
  const accountTurnstile = createTurnstile(placesFor(options.maxFailuresPerAccount));
  const underWay = createUnderWay(options.maxUnderWayPerAddress);
  const addressTurnstile = createTurnstile(placesFor(options.maxFailuresPerAddress));
  // What cannot be given back while Redis is away counts as a failure until the window ends.
  const giveBack = (limiter: Limiter, name: string) => limiter.reward(name, 1).catch(() => undefined);

  /** Takes a place among the failures of both. Throws `RATE_LIMITED`; `false` when Redis is away. */
  const reserve = async (name: string, network: string): Promise<boolean> => {
    const [address, account] = await Promise.all([
      addresses.penalty(network, 1).catch(() => undefined),
      accounts.penalty(name, 1).catch(() => undefined),
    ]);
    const addressTaken = address !== undefined && address.consumedPoints <= options.maxFailuresPerAddress;
    const accountTaken = account !== undefined && account.consumedPoints <= options.maxFailuresPerAccount;
    if (addressTaken && accountTaken) return true;
    await Promise.all([
      addressTaken ? giveBack(addresses, network) : undefined,
      accountTaken ? giveBack(accounts, name) : undefined,
    ]);
    if (address && !addressTaken) throw tooManyFailures('sign-in-address', addresses, address.msBeforeNext);
    if (account && !accountTaken) throw tooManyFailures('sign-in-account', accounts, account.msBeforeNext);
    return false;
  };

  /** Gives back the place of an attempt that succeeded, and those that failed under the same spelling. */
  const forget = async (name: string, spelled: string): Promise<void> => {
    const own = await spellings.get(spelled).catch(() => null);
    await spellings.delete(spelled).catch(() => undefined);
    await accounts.reward(name, 1 + (own?.consumedPoints ?? 0)).catch(() => undefined);
  };

  const settle = async (verdict: Attempt['verdict'], names: Names): Promise<void> => {
    const { name, spelled, network } = names;
    if (verdict === 'failed') {
      await spellings.penalty(spelled, 1).catch(() => undefined);
      return;
    }
    await Promise.all([
      giveBack(addresses, network),
      verdict === 'passed' ? forget(name, spelled) : giveBack(accounts, name),
    ]);
  };

  const count = async <T extends Attempt>(
    [account, address]: [string | SpelledAccount, string],
    attempt: () => Promise<T>,
  ): Promise<T> => {
    const names = { ...countedNames(account, deps.key), network: callerNetwork(address) };
    if (!(await reserve(names.name, names.network))) return deps.fallback.guard(account, address, attempt);
    let verdict: Attempt['verdict'] = 'undecided';
    try {
      const result = await attempt();
      ({ verdict } = result);
      return result;
    } finally {
      await settle(verdict, names);
    }
  };

  return {
    guard: (account, address, attempt) => {
      const network = callerNetwork(address);
      return underWay.run(network, () =>
        addressTurnstile.pass(network, () =>
          accountTurnstile.pass(accountOf(account), () => count([account, address], attempt)),
        ),
      );
    },
  };
}
